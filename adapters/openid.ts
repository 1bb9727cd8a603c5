import * as client from 'openid-client';

/** The provider, and this server as its client. */
export interface OpenIdClient {
  issuer: string;
  clientId: string;
  secret: string;
  /** Where the provider sends the browser back to. */
  redirectUri: string;
}

/** What the browser keeps while it is at the provider. */
export interface SignInUnderWay {
  state: string;
  nonce: string;
  verifier: string;
}

/** Who signed in, as the provider says it. */
export interface Identity {
  email: string | null;
  /** Whether the provider made sure that the address is theirs. */
  isVerified: boolean;
}

const TIMEOUT_SECONDS = 10;
/** How long what a provider says of itself is kept, in ms. */
const KEEP_MS = 3_600_000;

const known = new Map<string, { at: number; configuration: Promise<client.Configuration> }>();

/** The provider's addresses and keys, as it tells them itself. */
async function configurationOf({
  issuer,
  clientId,
  secret,
}: OpenIdClient): Promise<client.Configuration> {
  const key = JSON.stringify([issuer, clientId, secret]);
  const before = known.get(key);
  if (before && performance.now() - before.at < KEEP_MS) return before.configuration;
  const url = new URL(issuer);
  // Plain HTTP is allowed for a provider on this machine alone, by the configuration.
  const execute = url.protocol === 'http:' ? [client.allowInsecureRequests] : [];
  const configuration = client.discovery(url, clientId, secret, undefined, {
    execute,
    timeout: TIMEOUT_SECONDS,
  });
  known.set(key, { at: performance.now(), configuration });
  try {
    return await configuration;
  } catch (error) {
    known.delete(key);
    throw error;
  }
}

/** Begins a sign-in: the provider's page, and what must come back with its answer. Throws when the provider does not answer. */
export async function beginSignIn(
  settings: OpenIdClient,
): Promise<{ url: string; underWay: SignInUnderWay }> {
  const configuration = await configurationOf(settings);
  const underWay = {
    state: client.randomState(),
    nonce: client.randomNonce(),
    verifier: client.randomPKCECodeVerifier(),
  };
  const url = client.buildAuthorizationUrl(configuration, {
    redirect_uri: settings.redirectUri,
    scope: 'openid email',
    state: underWay.state,
    nonce: underWay.nonce,
    code_challenge: await client.calculatePKCECodeChallenge(underWay.verifier),
    code_challenge_method: 'S256',
  });
  return { url: url.href, underWay };
}

/**
 * Ends it: exchanges the code of the provider's answer (`query`) for an ID token, and checks its signature, issuer, audience,
 * expiry, nonce and state. Throws when anything is wrong with it.
 */
export async function endSignIn(
  settings: OpenIdClient,
  query: string,
  { state, nonce, verifier }: SignInUnderWay,
): Promise<Identity> {
  const configuration = await configurationOf(settings);
  const answer = new URL(settings.redirectUri);
  answer.search = query;
  const tokens = await client.authorizationCodeGrant(configuration, answer, {
    expectedState: state,
    expectedNonce: nonce,
    pkceCodeVerifier: verifier,
    idTokenExpected: true,
  });
  const claims = tokens.claims();
  if (!claims) throw new Error('The provider gave no ID token');
  // Some providers tell the address by this way alone.
  const said =
    typeof claims['email'] === 'string'
      ? claims
      : await client.fetchUserInfo(configuration, tokens.access_token, claims.sub);
  const { email, email_verified: verified } = said;
  return {
    email: typeof email === 'string' ? email.toLowerCase() : null,
    isVerified: verified === true,
  };
}
