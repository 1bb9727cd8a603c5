/** What the variables say together that no server can run with. */
import { roleOfEmail } from '../../state/roles.ts';
import { isLoopback } from './loopback.ts';
import { PRICE_VARIABLES, type Environment } from './environment.ts';

export interface ConfigOptions {
  /** True when the embedding app brings its own `authenticate`. */
  ownAuthentication?: boolean;
}

/** In words; empty when there is nothing to say. */
export function contradictions(env: Environment, options: ConfigOptions): string[] {
  const problems: string[] = [];
  const live = isLive(env);
  const hasAuth = Boolean(env.AUTH_JWT_SECRET ?? env.AUTH_JWKS_URL) || options.ownAuthentication;
  if (live && !env.ADMIN_TOKEN && !env.ADMIN_TOKENS && !env.ADMIN_OIDC_ISSUER) {
    problems.push(
      'ADMIN_TOKEN or ADMIN_TOKENS is missing: a live key asks for one (openssl rand -hex 32)',
    );
  }
  problems.push(...oidcProblems(env));
  if (live && !hasAuth) {
    problems.push(
      'AUTH_JWT_SECRET or AUTH_JWKS_URL is missing: a live key asks for authentication',
    );
  }
  if (live && env.STRIPE_TEST_CLOCK) {
    problems.push('STRIPE_TEST_CLOCK works with test keys only: remove it, or use a test key');
  }
  if (live && env.STRIPE_API_BASE) {
    problems.push('STRIPE_API_BASE would send a live key to another host: remove it');
  }
  problems.push(...(live ? liveProblems(env) : []));
  if (env.AUTH_JWKS_URL && !env.AUTH_JWT_ISSUER && !env.AUTH_JWT_AUDIENCE) {
    problems.push(
      'AUTH_JWT_ISSUER or AUTH_JWT_AUDIENCE is missing: a key set signs tokens for other applications too',
    );
  }
  if (env.AUTH_JWT_SECRET && env.AUTH_JWKS_URL) {
    problems.push('AUTH_JWT_SECRET and AUTH_JWKS_URL exclude each other: keep one');
  }
  if (!env.AUTH_ACCOUNT_CLAIM && (env.AUTH_ROLE_CLAIM ?? env.AUTH_ACCOUNT_NAME_CLAIM)) {
    problems.push(
      'AUTH_ACCOUNT_CLAIM is missing: AUTH_ROLE_CLAIM and AUTH_ACCOUNT_NAME_CLAIM say something about an account',
    );
  }
  if (env.OUTGOING_WEBHOOK_URL && !env.OUTGOING_WEBHOOK_SECRET) {
    problems.push('OUTGOING_WEBHOOK_SECRET is missing: outgoing webhooks are always signed');
  }
  if (env.DATABASE_SCHEMA && env.DATABASE_URL.startsWith('sqlite:')) {
    problems.push('DATABASE_SCHEMA is for PostgreSQL: with SQLite, the file is Tenure’s own');
  }
  if (env.WORKERS > 1 && env.DATABASE_URL.startsWith('sqlite:')) {
    problems.push(
      'WORKERS above 1 asks for Postgres: SQLite has one writer; set DATABASE_URL=postgres://…',
    );
  }
  if (!env.PLANS_FILE && !PRICE_VARIABLES.some((name) => env[name])) {
    problems.push(
      `PLANS_FILE or the price ids (${PRICE_VARIABLES.join(', ')}) are missing: there is nothing to sell`,
    );
  }
  return problems;
}

const OIDC = [
  'ADMIN_OIDC_ISSUER',
  'ADMIN_OIDC_CLIENT_ID',
  'ADMIN_OIDC_CLIENT_SECRET',
  'ADMIN_OIDC_OPERATORS',
] as const;

function oidcProblems(env: Environment): string[] {
  const missing = OIDC.filter((name) => !env[name]);
  if (missing.length === OIDC.length) return [];
  if (missing.length > 0) {
    return [
      `${missing.join(', ')} is missing: operators sign in at a provider with all of ${OIDC.join(', ')}`,
    ];
  }
  const { protocol, hostname } = new URL(env.ADMIN_OIDC_ISSUER ?? '');
  const problems: string[] = [];
  if (protocol === 'http:' && !isLoopback(hostname)) {
    problems.push('ADMIN_OIDC_ISSUER must be https: who signs in would be told in the clear');
  }
  for (const { name } of env.ADMIN_TOKENS ?? []) {
    if (roleOfEmail(name.toLowerCase(), env.ADMIN_OIDC_OPERATORS ?? []) === null) continue;
    problems.push(`ADMIN_TOKENS and ADMIN_OIDC_OPERATORS both name ${name}: keep one`);
  }
  return problems;
}

/** What is good enough to try things out and not to take money. */
function liveProblems(env: Environment): string[] {
  const problems: string[] = [];
  if (!env.APP_URL) {
    problems.push('APP_URL is missing: with a live key, customers are sent there after they paid');
  }
  for (const name of [
    'APP_URL',
    'AUTH_JWKS_URL',
    'BILLING_PAGE_URL',
    'OUTGOING_WEBHOOK_URL',
    'SHOP_LOGO_URL',
  ] as const) {
    if (env[name]?.startsWith('http:')) problems.push(`${name} must be https with a live key`);
  }
  for (const { name, url } of env.OUTGOING_WEBHOOKS) {
    if (!url.startsWith('https:'))
      problems.push(`OUTGOING_WEBHOOKS (${name}) must be https with a live key`);
  }
  const names = ['ADMIN_TOKEN', 'AUTH_JWT_SECRET', 'METRICS_TOKEN'] as const;
  const secrets = names.flatMap((name) =>
    [env[name] ?? []].flat().map((value) => ({ name, value })),
  );
  for (const [i, { name, value }] of secrets.entries()) {
    if (new Set(value).size < 8) {
      problems.push(`${name} is too easy to guess for a live key (openssl rand -hex 32)`);
    }
    const other = secrets.slice(i + 1).find((each) => each.value === value);
    if (other) problems.push(`${name} and ${other.name} must differ with a live key`);
  }
  return problems;
}

export function isLive(env: Environment): boolean {
  return /^[rs]k_live_/.test(env.STRIPE_SECRET_KEY);
}
