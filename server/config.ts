import { existsSync } from 'node:fs';
import { z } from 'zod';

/** Grace after a failed payment: until the period's end, or some days. */
export type Grace = 'period_end' | { days: number };

/** Everything that the environment decides. Secrets are in here: never log it whole. */
export interface Config {
  stripe: {
    secretKey: string;
    /** True for a live key. */
    live: boolean;
    /** Another host than Stripe's, e.g. the emulator; null is Stripe itself. */
    apiBase: string | null;
    webhookSecrets: string[];
    /** New customers are put on this clock, and "now" is its time. */
    testClock: string | null;
  };
  databaseUrl: string;
  http: { port: number; host: string; appUrl: string };
  auth: { jwtSecret: string | null; jwksUrl: string | null; audience: string | null };
  adminToken: string | null;
  plans: { file: string | null; prices: Record<PriceVariable, string | null> };
  trial: { days: number; endWithoutMethod: 'cancel' | 'pause' };
  grace: Grace;
  dunning: { maxAttempts: number; finalAction: 'cancel' | 'unpaid' | 'none' };
  mail: { smtpUrl: string | null; from: string };
  webhookAck: 'processed' | 'stored';
  outgoingWebhook: { url: string; secret: string } | null;
  logLevel: LogLevel;
  workers: number;
}

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** The variables that hold the prices of the default catalogue. */
export const PRICE_VARIABLES = [
  'STRIPE_STARTER_MONTHLY_PRICE_ID',
  'STRIPE_STARTER_YEARLY_PRICE_ID',
  'STRIPE_PRO_MONTHLY_PRICE_ID',
  'STRIPE_PRO_YEARLY_PRICE_ID',
] as const;
export type PriceVariable = (typeof PRICE_VARIABLES)[number];

/** The environment says something that the server cannot run with; the message lists all of it. */
export class ConfigError extends Error {
  readonly problems: string[];

  constructor(problems: string[]) {
    const list = problems.map((problem) => `  - ${problem}`).join('\n');
    super(`The configuration has ${problems.length === 1 ? 'a problem' : 'problems'}:\n${list}`);
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

const whole = (min: number, max: number, mend: string) =>
  z
    .string()
    .regex(/^\d+$/, mend)
    .transform(Number)
    .refine((value) => value >= min && value <= max, mend);
const url = (protocols: string[], mend: string) =>
  z
    .string()
    .refine((value) => URL.canParse(value) && protocols.includes(new URL(value).protocol), mend);
const httpUrl = (mend: string) => url(['http:', 'https:'], mend);
const priceId = z
  .string()
  .regex(/^(price|plan)_\w+$/, 'must be a Stripe price id such as price_1Abc');

const environment = z.object({
  STRIPE_SECRET_KEY: z
    .string({
      error:
        'is missing: set the secret key of your Stripe account (sk_test_… or sk_live_…), or run `npm start` without it to use the emulator',
    })
    .regex(
      /^[rs]k_(test|live)_\w+$/,
      'must be a secret key (sk_test_…, sk_live_… or a restricted rk_… key)',
    ),
  STRIPE_WEBHOOK_SECRET: z
    .string({
      error:
        'is missing: set the signing secret of the webhook endpoint (whsec_…); without it no event can be trusted',
    })
    .transform(splitList)
    .refine(
      (secrets) => secrets.length > 0 && secrets.every((secret) => /^whsec_\S{8,}$/.test(secret)),
      'must be one signing secret (whsec_…), or several separated by commas while rotating',
    ),
  STRIPE_API_BASE: httpUrl('must be a URL such as http://127.0.0.1:12111').optional(),
  STRIPE_TEST_CLOCK: z
    .string()
    .regex(/^clock_\w+$/, 'must be the id of a test clock (clock_…)')
    .optional(),
  STRIPE_STARTER_MONTHLY_PRICE_ID: priceId.optional(),
  STRIPE_STARTER_YEARLY_PRICE_ID: priceId.optional(),
  STRIPE_PRO_MONTHLY_PRICE_ID: priceId.optional(),
  STRIPE_PRO_YEARLY_PRICE_ID: priceId.optional(),
  PLANS_FILE: z
    .string()
    .refine((path) => existsSync(path), 'names a file that does not exist')
    .optional(),
  DATABASE_URL: z
    .string()
    .regex(
      /^(sqlite:|postgres(ql)?:\/\/)/,
      'must be sqlite:./path/to/file or postgres://user:password@host/database',
    )
    .default('sqlite:./data/tenure.sqlite'),
  PORT: whole(0, 65_535, 'must be a port number (0 to 65535)').default(3000),
  HOST: z.string().default('127.0.0.1'),
  APP_URL: httpUrl(
    'must be the URL of your application, such as https://app.example.com',
  ).optional(),
  AUTH_JWT_SECRET: z
    .string()
    .refine(
      (value) => Buffer.byteLength(value) >= 32,
      'must be 32 bytes or more (openssl rand -hex 32)',
    )
    .optional(),
  AUTH_JWKS_URL: httpUrl('must be the URL of a JSON Web Key Set').optional(),
  AUTH_JWT_AUDIENCE: z.string().optional(),
  ADMIN_TOKEN: z
    .string()
    .min(16, 'must be 16 characters or more (openssl rand -hex 32)')
    .optional(),
  TRIAL_DAYS: whole(0, 730, 'must be a number of days, 0 (no trial) to 730').default(14),
  TRIAL_END_WITHOUT_METHOD: z
    .enum(['cancel', 'pause'], 'must be cancel or pause')
    .default('cancel'),
  GRACE: z
    .union(
      [z.literal('period_end'), whole(0, 365, '').transform((days) => ({ days }))],
      'must be period_end or a number of days (0 to 365)',
    )
    .default('period_end'),
  DUNNING_MAX_ATTEMPTS: whole(1, 20, 'must be a number from 1 to 20').default(3),
  DUNNING_FINAL_ACTION: z
    .enum(['cancel', 'unpaid', 'none'], 'must be cancel, unpaid or none')
    .default('cancel'),
  SMTP_URL: url(['smtp:', 'smtps:'], 'must be smtp://user:password@host:port').optional(),
  MAIL_FROM: z.string().default('Billing <billing@localhost>'),
  WEBHOOK_ACK: z.enum(['processed', 'stored'], 'must be processed or stored').default('processed'),
  OUTGOING_WEBHOOK_URL: httpUrl('must be the http(s) URL of your own webhook receiver').optional(),
  OUTGOING_WEBHOOK_SECRET: z
    .string()
    .regex(
      /^whsec_[A-Za-z0-9+/=]{16,}$/,
      'must be whsec_ followed by base64 (echo whsec_$(openssl rand -base64 32))',
    )
    .optional(),
  LOG_LEVEL: z.enum(LOG_LEVELS, `must be one of ${LOG_LEVELS.join(', ')}`).default('info'),
  WORKERS: whole(1, 64, 'must be a number from 1 to 64').default(4),
});
type Environment = z.infer<typeof environment>;

export interface ConfigOptions {
  /** True when the embedding app brings its own `authenticate`. */
  ownAuthentication?: boolean;
}

/** Checks the environment as a whole; throws one ConfigError that names every bad variable. */
export function loadConfig(
  env: Record<string, string | undefined> = process.env,
  options: ConfigOptions = {},
): Config {
  // `NAME=` in a .env file means "not set".
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value?.trim()));
  const parsed = environment.safeParse(given);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(
      (issue) => `${String(issue.path[0])} ${issue.message}`,
    );
    throw new ConfigError([...new Set(problems)]);
  }
  const problems = contradictions(parsed.data, options);
  if (problems.length > 0) throw new ConfigError(problems);
  return toConfig(parsed.data);
}

function contradictions(env: Environment, options: ConfigOptions): string[] {
  const problems: string[] = [];
  const live = isLive(env);
  const hasAuth = Boolean(env.AUTH_JWT_SECRET ?? env.AUTH_JWKS_URL) || options.ownAuthentication;
  if (live && !env.ADMIN_TOKEN) {
    problems.push('ADMIN_TOKEN is missing: a live key asks for one (openssl rand -hex 32)');
  }
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
  if (env.AUTH_JWT_SECRET && env.AUTH_JWKS_URL) {
    problems.push('AUTH_JWT_SECRET and AUTH_JWKS_URL exclude each other: keep one');
  }
  if (env.OUTGOING_WEBHOOK_URL && !env.OUTGOING_WEBHOOK_SECRET) {
    problems.push('OUTGOING_WEBHOOK_SECRET is missing: outgoing webhooks are always signed');
  }
  if (!env.PLANS_FILE && !PRICE_VARIABLES.some((name) => env[name])) {
    problems.push(
      `PLANS_FILE or the price ids (${PRICE_VARIABLES.join(', ')}) are missing: there is nothing to sell`,
    );
  }
  return problems;
}

function toConfig(env: Environment): Config {
  return {
    stripe: {
      secretKey: env.STRIPE_SECRET_KEY,
      live: isLive(env),
      apiBase: env.STRIPE_API_BASE ?? null,
      webhookSecrets: env.STRIPE_WEBHOOK_SECRET,
      testClock: env.STRIPE_TEST_CLOCK ?? null,
    },
    databaseUrl: env.DATABASE_URL,
    http: {
      port: env.PORT,
      host: env.HOST,
      appUrl: (env.APP_URL ?? `http://${env.HOST}:${env.PORT}`).replace(/\/+$/, ''),
    },
    auth: {
      jwtSecret: env.AUTH_JWT_SECRET ?? null,
      jwksUrl: env.AUTH_JWKS_URL ?? null,
      audience: env.AUTH_JWT_AUDIENCE ?? null,
    },
    adminToken: env.ADMIN_TOKEN ?? null,
    plans: {
      file: env.PLANS_FILE ?? null,
      prices: {
        STRIPE_STARTER_MONTHLY_PRICE_ID: env.STRIPE_STARTER_MONTHLY_PRICE_ID ?? null,
        STRIPE_STARTER_YEARLY_PRICE_ID: env.STRIPE_STARTER_YEARLY_PRICE_ID ?? null,
        STRIPE_PRO_MONTHLY_PRICE_ID: env.STRIPE_PRO_MONTHLY_PRICE_ID ?? null,
        STRIPE_PRO_YEARLY_PRICE_ID: env.STRIPE_PRO_YEARLY_PRICE_ID ?? null,
      },
    },
    trial: { days: env.TRIAL_DAYS, endWithoutMethod: env.TRIAL_END_WITHOUT_METHOD },
    grace: env.GRACE,
    dunning: { maxAttempts: env.DUNNING_MAX_ATTEMPTS, finalAction: env.DUNNING_FINAL_ACTION },
    mail: { smtpUrl: env.SMTP_URL ?? null, from: env.MAIL_FROM },
    webhookAck: env.WEBHOOK_ACK,
    outgoingWebhook:
      env.OUTGOING_WEBHOOK_URL && env.OUTGOING_WEBHOOK_SECRET
        ? { url: env.OUTGOING_WEBHOOK_URL, secret: env.OUTGOING_WEBHOOK_SECRET }
        : null,
    logLevel: env.LOG_LEVEL,
    workers: env.WORKERS,
  };
}

function isLive(env: Environment): boolean {
  return /^[rs]k_live_/.test(env.STRIPE_SECRET_KEY);
}

function splitList(value: string): string[] {
  return value
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean);
}
