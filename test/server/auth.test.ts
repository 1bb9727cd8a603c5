import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import { operatorOfRequest } from '../../server/http/operators.ts';
import { createAuthenticate } from '../../server/http/authenticate.ts';
import { TEST_JWT_SECRET, tokenFor } from '../support/tokens.ts';

const SECRET = { jwtSecret: TEST_JWT_SECRET, jwksUrl: null, audience: null };

describe('A bearer token', () => {
  const authenticate = createAuthenticate(SECRET);

  it('tells user id, e-mail and name', async () => {
    const token = await tokenFor('u1', { email: 'u1@example.com', name: 'U. One' });
    expect(await authenticate(bearing(token))).toEqual({
      id: 'u1',
      email: 'u1@example.com',
      name: 'U. One',
    });
  });

  it('is refused when missing, malformed, expired, or signed by somebody else', async () => {
    const key = new TextEncoder().encode('another secret that is long enough!');
    const forged = await new SignJWT({})
      .setProtectedHeader({ alg: 'HS256' })
      .setSubject('u1')
      .setExpirationTime('1h')
      .sign(key);
    const noSubject = await new SignJWT({})
      .setProtectedHeader({ alg: 'HS256' })
      .setExpirationTime('1h')
      .sign(new TextEncoder().encode(TEST_JWT_SECRET));
    expect(await authenticate(new Request('http://x/'))).toBeNull();
    for (const token of [
      '',
      'x',
      'a.b.c',
      forged,
      noSubject,
      await tokenFor('u1', { expiresIn: '-1m' }),
    ]) {
      expect(await authenticate(bearing(token)), token).toBeNull();
    }
  });

  it('is refused with alg none and with any algorithm but HS256', async () => {
    const claims = { sub: 'u1', exp: Math.floor(Date.now() / 1000) + 60 };
    const none = new UnsecuredJWT(claims).encode();
    const signed = (alg: string) =>
      new SignJWT(claims)
        .setProtectedHeader({ alg })
        .sign(new TextEncoder().encode(TEST_JWT_SECRET));
    // All else about it is good.
    expect(await authenticate(bearing(await signed('HS256')))).toMatchObject({ id: 'u1' });
    const hs512 = await signed('HS512');
    expect(await authenticate(bearing(none))).toBeNull();
    expect(await authenticate(bearing(hs512))).toBeNull();
  });

  it('must be meant for our audience when one is configured', async () => {
    const strict = createAuthenticate({ ...SECRET, audience: 'tenure' });
    expect(await strict(bearing(await tokenFor('u1', { audience: 'tenure' })))).toMatchObject({
      id: 'u1',
    });
    expect(await strict(bearing(await tokenFor('u1', { audience: 'elsewhere' })))).toBeNull();
    expect(await strict(bearing(await tokenFor('u1')))).toBeNull();
  });

  it('is checked against a key set; one that is away is an error, not a refusal', async () => {
    const { publicKey, privateKey } = await generateKeyPair('ES256');
    const jwk = { ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256' };
    const server = createServer((_request, response) => {
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: [jwk] }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const jwksUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const token = await new SignJWT({})
      .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
      .setSubject('u2')
      .setExpirationTime('5m')
      .sign(privateKey);
    const byKeySet = { jwtSecret: null, jwksUrl, audience: null };
    expect(await createAuthenticate(byKeySet)(bearing(token))).toMatchObject({ id: 'u2' });
    expect(await createAuthenticate(byKeySet)(bearing(await tokenFor('u2')))).toBeNull();
    await new Promise((resolve) => {
      server.close(resolve);
      server.closeAllConnections();
    });
    await expect(createAuthenticate(byKeySet)(bearing(token))).rejects.toMatchObject({
      code: 'authentication_unavailable',
    });
  });

  it('S-21: must have an expiry, unless told otherwise, and be of the past', async () => {
    const key = new TextEncoder().encode(TEST_JWT_SECRET);
    const jwt = () => new SignJWT({}).setProtectedHeader({ alg: 'HS256' }).setSubject('u1');
    const endless = await jwt().setIssuedAt().sign(key);
    expect(await authenticate(bearing(endless))).toBeNull();
    const lax = createAuthenticate({ ...SECRET, allowNoExpiry: true });
    expect(await lax(bearing(endless))).toMatchObject({ id: 'u1' });
    const future = Math.floor(Date.now() / 1000) + 600;
    const early = await jwt()
      .setIssuedAt(future)
      .setExpirationTime(future + 600)
      .sign(key);
    expect(await authenticate(bearing(early))).toBeNull();
  });

  it('S-21: must come from our issuer when one is configured', async () => {
    const strict = createAuthenticate({ ...SECRET, issuer: 'https://id.example.com' });
    const key = new TextEncoder().encode(TEST_JWT_SECRET);
    const from = (issuer: string) =>
      new SignJWT({})
        .setProtectedHeader({ alg: 'HS256' })
        .setSubject('u1')
        .setIssuer(issuer)
        .setExpirationTime('5m')
        .sign(key);
    expect(await strict(bearing(await from('https://id.example.com')))).toMatchObject({ id: 'u1' });
    expect(await strict(bearing(await from('https://other.example.com')))).toBeNull();
    expect(await strict(bearing(await tokenFor('u1')))).toBeNull();
  });

  it('means nobody when no way to authenticate is configured', async () => {
    const closed = createAuthenticate({ jwtSecret: null, jwksUrl: null, audience: null });
    expect(await closed(bearing(await tokenFor('u1')))).toBeNull();
  });
});

describe("An operator's token", () => {
  const hash = (text: string) => createHash('sha256').update(text).digest('hex');
  const of = (token: string, set: Parameters<typeof operatorOfRequest>[1]) =>
    operatorOfRequest(bearing(token), set);

  it('is compared as a whole, and never fits when none is set', () => {
    const set = { adminToken: 'the-token', formerAdminTokens: ['the-old-one'], operators: [] };
    const unset = { adminToken: null, formerAdminTokens: [], operators: [] };
    expect(of('the-token', set)).toEqual({ name: 'admin', role: 'admin' });
    expect(of('the-old-one', set)).toEqual({ name: 'admin', role: 'admin' });
    expect(of('the-toke', set)).toBeNull();
    expect(of('x', unset)).toBeNull();
    expect(operatorOfRequest(new Request('http://x/'), set)).toBeNull();
  });

  it('R-12: tells whose it is; its hash is none', () => {
    const set = {
      adminToken: null,
      formerAdminTokens: ['unused'],
      operators: [
        { name: 'anna', role: 'support' as const, tokenHash: hash('of anna') },
        { name: 'ben', role: 'viewer' as const, tokenHash: hash('of-ben') },
      ],
    };
    expect(of('of-ben', set)).toEqual({ name: 'ben', role: 'viewer' });
    expect(of(hash('of-ben'), set)).toBeNull();
    expect(of('unused', set)).toBeNull();
  });
});

function bearing(token: string): Request {
  return new Request('http://x/', { headers: { authorization: `Bearer ${token}` } });
}
