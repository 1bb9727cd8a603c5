import { existsSync } from 'node:fs';
import { isIP } from 'node:net';
import { z } from 'zod';
import { ADMIN, OPERATOR_ROLES } from '../../state/roles.ts';
import { hookEvents, receivers, SECRET } from './receivers.ts';

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

const whole = (min: number, max: number, fix: string) =>
  z
    .string()
    .regex(/^\d+$/, fix)
    .transform(Number)
    .refine((value) => value >= min && value <= max, fix);
const url = (protocols: string[], fix: string) =>
  z
    .string()
    .refine((value) => URL.canParse(value) && protocols.includes(new URL(value).protocol), fix);
const httpUrl = (fix: string) => url(['http:', 'https:'], fix);
const priceId = z
  .string()
  .regex(/^(price|plan)_\w+$/, 'must be a Stripe price id such as price_1Abc');

const claim = z
  .string()
  .max(255)
  .refine((name) => name !== 'sub', 'must be the name of another claim than sub: that is the user');

const OPERATOR = new RegExp(`^([\\w.@-]{1,64}):(${OPERATOR_ROLES.join('|')}):([0-9a-f]{64})$`);

/** `name:role:sha256` of each operator's token, separated by commas. */
const operators = z
  .string()
  .transform((value) => splitList(value).map((each) => OPERATOR.exec(each)))
  .refine(
    (found) => found.length > 0 && !found.includes(null),
    'must be name:role:sha256 for each operator, separated by commas, with the role viewer, support or admin, and the hash from: printf %s "$TOKEN" | sha256sum',
  )
  .transform((found) =>
    found.map((parts) => {
      const [, name = '', role, tokenHash = ''] = parts ?? [];
      return { name, role: OPERATOR_ROLES.find((each) => each === role) ?? 'viewer', tokenHash };
    }),
  )
  .refine(
    (all) => all.every(({ name }) => name !== ADMIN.name),
    'must not name an operator "admin": that is the one of ADMIN_TOKEN',
  )
  .refine(
    (all) =>
      all.every(({ name, role }) => all.every((each) => each.name !== name || each.role === role)),
    'must give each operator one role',
  )
  .refine(
    (all) => new Set(all.map(({ tokenHash }) => tokenHash)).size === all.length,
    'must not give two operators one token',
  );

const OIDC_OPERATOR = new RegExp(
  `^([^\\s:,@]{1,64}@[^\\s:,@]{1,190}):(${OPERATOR_ROLES.join('|')})$`,
);

/** `address:role`, or `*@domain:role`, separated by commas. */
const oidcOperators = z
  .string()
  .transform((value) => splitList(value.toLowerCase()).map((each) => OIDC_OPERATOR.exec(each)))
  .refine(
    (found) => found.length > 0 && !found.includes(null),
    'must be address:role for each operator, or *@domain:role for all of a domain, separated by commas, with the role viewer, support or admin',
  )
  .transform((found) =>
    found.map((parts) => {
      const [, who = '', role] = parts ?? [];
      return { who, role: OPERATOR_ROLES.find((each) => each === role) ?? 'viewer' };
    }),
  )
  .refine(
    (all) => new Set(all.map(({ who }) => who)).size === all.length,
    'must give each operator one role',
  );

/** Colours and measures of the style sheet that a shop may set; a value can load nothing and ends where it stands. */
const THEME_VARIABLE =
  /^--(page|panel|sunken|raised|line|line-strong|text|muted|accent|accent-soft|on-accent|radius|sans)\s*:\s*([\w\s#%.,()'"/-]{1,120})$/;

const shopTheme = z
  .string()
  .transform((value) =>
    value
      .split(';')
      .map((part) => part.trim())
      .filter(Boolean)
      .map((part) => THEME_VARIABLE.exec(part)),
  )
  .refine(
    (found) =>
      found.every((parts) => parts !== null && !/url|import|expression/i.test(parts[2] ?? '')),
    'must be variables of the style sheet, such as --accent: #0a7c66; --radius: 4px (docs/billing-page.md lists them)',
  )
  .transform((found) => found.map((parts) => `--${parts?.[1]}: ${parts?.[2]?.trim()}`));

/** Stripe tells of events for 30 days: what was deleted sooner could come again, with all that follows from it. */
const RETENTION_WORDS =
  'must be a number of days from 35 (Stripe may send an event again for 30) to 3650, or 0 to keep everything';
const RATE_WORDS = 'must be a number of requests per minute; 0 for no limit';

/** What the environment may say, variable by variable; each refusal says how to fix it. */
export const environment = z.object({
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
  DEPLOYMENT_ID: z
    .string()
    .regex(/^[\w.-]{1,64}$/, 'must be 1 to 64 letters, digits, dots, - or _')
    .default('tenure'),
  OWNER_METADATA_KEYS: z.string().default('user_id,userId').transform(splitList),
  ACCEPT_STRIPE_ACCOUNT: z
    .string()
    .regex(/^\w+:(live|test)$/, 'must be an account and its mode, such as acct_1Abc:live')
    .optional(),
  STRIPE_API_BASE: httpUrl('must be a URL such as http://127.0.0.1:12111').optional(),
  STRIPE_PORTAL_CONFIGURATION: z
    .string()
    .regex(/^bpc_\w+$/, 'must be the id of a portal configuration (bpc_…)')
    .optional(),
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
  DATABASE_SCHEMA: z
    .string()
    .regex(
      /^(?!pg_)[a-z_][a-z0-9_]{0,62}$/,
      'must be the name of a schema: lower-case letters, digits and _, not pg_…',
    )
    .optional(),
  PORT: whole(0, 65_535, 'must be a port number (0 to 65535)').default(3000),
  HOST: z.string().default('127.0.0.1'),
  APP_URL: httpUrl(
    'must be the URL of your application, such as https://app.example.com',
  ).optional(),
  AUTH_JWT_SECRET: z
    .string()
    .transform(splitList)
    .refine(
      (values) => values.length > 0 && values.every((value) => Buffer.byteLength(value) >= 32),
      'must be 32 bytes or more (openssl rand -hex 32); the new one and the old one, separated by a comma, while rotating',
    )
    .optional(),
  AUTH_JWKS_URL: httpUrl('must be the URL of a JSON Web Key Set').optional(),
  AUTH_JWT_AUDIENCE: z.string().optional(),
  AUTH_JWT_ISSUER: z.string().optional(),
  AUTH_ACCOUNT_CLAIM: claim.optional(),
  AUTH_ACCOUNT_NAME_CLAIM: claim.optional(),
  AUTH_ROLE_CLAIM: claim.optional(),
  AUTH_ALLOW_NO_EXPIRY: z.enum(['true', 'false'], 'must be true or false').default('false'),
  SHOP_NAME: z.string().max(100).optional(),
  SHOP_LOGO_URL: httpUrl('must be the http(s) URL of a picture').optional(),
  SHOP_SUPPORT_EMAIL: z.email('must be an e-mail address').optional(),
  SHOP_THEME: shopTheme.default([]),
  BILLING_PAGE_URL: httpUrl(
    'must be the URL under which browsers reach /api/billing/page, such as https://app.example.com/api/billing/page',
  ).optional(),
  BILLING_PAGE_FRAME_ORIGINS: z
    .string()
    .transform(splitList)
    .refine(
      (origins) => origins.every(isOrigin),
      'must be origins, separated by commas, such as https://app.example.com',
    )
    .default([]),
  STOREFRONT: z.enum(['demo'], 'must be demo, or empty').optional(),
  ADMIN_TOKEN: z
    .string()
    .transform(splitList)
    .refine(
      (values) => values.length > 0 && values.every((value) => value.length >= 16),
      'must be 16 characters or more (openssl rand -hex 32); the new one and the old one, separated by a comma, while rotating',
    )
    .optional(),
  ADMIN_TOKENS: operators.optional(),
  ADMIN_OIDC_ISSUER: httpUrl(
    'must be the URL of an OpenID provider, such as https://accounts.google.com',
  ).optional(),
  ADMIN_OIDC_CLIENT_ID: z.string().optional(),
  ADMIN_OIDC_CLIENT_SECRET: z.string().optional(),
  ADMIN_OIDC_OPERATORS: oidcOperators.optional(),
  TRIAL_DAYS: whole(0, 730, 'must be a number of days, 0 (no trial) to 730').default(14),
  TRIAL_END_WITHOUT_METHOD: z
    .enum(['cancel', 'pause'], 'must be cancel or pause')
    .default('cancel'),
  TRIAL_ONE_PER_CARD: z.enum(['true', 'false'], 'must be true or false').optional(),
  CHECKOUT_ORIGINS: z
    .string()
    .default('')
    .transform(splitList)
    .refine(
      (origins) => origins.every(isOrigin),
      'must be origins separated by commas, such as https://shop.example.com (no path)',
    ),
  CHECKOUT_PROMOTION_CODES: z.enum(['true', 'false'], 'must be true or false').default('false'),
  CHECKOUT_TAX_IDS: z.enum(['true', 'false'], 'must be true or false').default('false'),
  AUTOMATIC_TAX: z.enum(['true', 'false'], 'must be true or false').default('false'),
  GRACE: z
    .union(
      [z.literal('period_end'), whole(0, 365, '').transform((days) => ({ days }))],
      'must be period_end or a number of days (0 to 365)',
    )
    .default('period_end'),
  GRACE_MAX_DAYS: whole(0, 365, 'must be a number of days (0 to 365)').optional(),
  ENTITLEMENTS: z.enum(['plans', 'stripe'], 'must be plans or stripe').default('plans'),
  DUNNING_MAX_ATTEMPTS: whole(1, 20, 'must be a number from 1 to 20').default(3),
  DUNNING_FINAL_ACTION: z
    .enum(['cancel', 'unpaid', 'none'], 'must be cancel, unpaid or none')
    .default('cancel'),
  DUNNING_OPEN_INVOICES: z
    .enum(['void', 'uncollectible', 'keep'], 'must be void, uncollectible or keep')
    .default('void'),
  ON_DISPUTE: z
    .enum(['suspend', 'cancel', 'keep'], 'must be suspend, cancel or keep')
    .default('suspend'),
  ON_FULL_REFUND: z.enum(['end', 'keep'], 'must be end or keep').default('end'),
  SMTP_URL: url(['smtp:', 'smtps:'], 'must be smtp://user:password@host:port').optional(),
  MAIL_FROM: z.string().default('Billing <billing@localhost>'),
  MAIL_LOCALE: z.enum(['en', 'de', 'fr'], 'must be en, de or fr').default('en'),
  MAIL_TEMPLATES: z
    .string()
    .refine((path) => existsSync(path), 'names a folder that does not exist')
    .optional(),
  RENEWAL_NOTICE_DAYS: whole(0, 90, 'must be a number of days, 0 (no notice) to 90').default(14),
  WEBHOOK_ACK: z.enum(['processed', 'stored'], 'must be processed or stored').default('processed'),
  EVENT_RETENTION_DAYS: z
    .string()
    .regex(/^\d+$/, RETENTION_WORDS)
    .transform(Number)
    .refine((days) => days === 0 || (days >= 35 && days <= 3_650), RETENTION_WORDS)
    .default(0),
  OUTGOING_WEBHOOK_URL: httpUrl('must be the http(s) URL of your own webhook receiver').optional(),
  OUTGOING_WEBHOOK_SECRET: z
    .string()
    .regex(SECRET, 'must be whsec_ followed by base64 (echo whsec_$(openssl rand -base64 32))')
    .optional(),
  OUTGOING_WEBHOOKS: receivers.default([]),
  HOOK_EVENTS: hookEvents.default([]),
  LOG_LEVEL: z.enum(LOG_LEVELS, `must be one of ${LOG_LEVELS.join(', ')}`).default('info'),
  DRAIN_SECONDS: whole(0, 600, 'must be a number of seconds, 0 to 600').default(5),
  DATABASE_WAIT_SECONDS: whole(0, 3_600, 'must be a number of seconds, 0 to 3600').default(60),
  WORKERS: whole(1, 64, 'must be a number of processes, 1 to 64').default(1),
  METRICS_TOKEN: z
    .string()
    .min(16, 'must be 16 characters or more (openssl rand -hex 32)')
    .optional(),
  RATE_LIMIT_PER_USER: whole(0, 1_000_000, RATE_WORDS).default(1_200),
  RATE_LIMIT_PER_ADDRESS: whole(0, 1_000_000, RATE_WORDS).default(600),
  RATE_LIMIT_STRIPE_CALLS: whole(
    0,
    1_000_000,
    'must be a number of calls per minute; 0 for no limit',
  ).default(240),
  TRUST_PROXY: z
    .string()
    .refine(
      isProxyTrust,
      'must be the number of proxies in front, or their addresses: 1, loopback, 10.0.0.0/8',
    )
    .transform((value) => (/^\d+$/.test(value) ? Number(value) : splitList(value)))
    .optional(),
});
export type Environment = z.infer<typeof environment>;

function splitList(value: string): string[] {
  return value
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean);
}

function isOrigin(text: string): boolean {
  return URL.canParse(text) && /^https?:/.test(text) && new URL(text).origin === text;
}

/** What Express takes for `trust proxy`, but never "everybody": then anyone could choose an address. */
function isProxyTrust(value: string): boolean {
  if (/^\d+$/.test(value)) return Number(value) <= 10;
  const parts = splitList(value);
  return parts.length > 0 && parts.every(isNetwork);
}

function isNetwork(part: string): boolean {
  if (['loopback', 'linklocal', 'uniquelocal'].includes(part)) return true;
  const [address = '', prefix, ...more] = part.split('/');
  const bits = isIP(address) === 4 ? 32 : 128;
  if (isIP(address) === 0 || more.length > 0) return false;
  return (
    prefix === undefined || (/^\d+$/.test(prefix) && Number(prefix) > 0 && Number(prefix) <= bits)
  );
}
