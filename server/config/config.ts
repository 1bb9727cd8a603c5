import { withSchema } from '../../db/database-schema.ts';
import { GRACE_MAX_DAYS, type Grace } from '../../state/access.ts';
import type { ReturnPolicy } from '../../state/returns.ts';
import type { EmailRule, Operator } from '../../state/roles.ts';
import { contradictions, isLive, type ConfigOptions } from './contradictions.ts';
import { WEBHOOK_TYPES } from '../../state/effect-kinds.ts';
import { withHooks, type Receiver } from './receivers.ts';
import { environment, type Environment, type LogLevel, type PriceVariable } from './environment.ts';

export type { Receiver };
export type { ConfigOptions, LogLevel, PriceVariable };

/** Proxies whose `X-Forwarded-For` is believed: how many, or which; null is none. */
export type ProxyTrust = number | string[] | null;

/** A token of a named operator. */
export interface ConfiguredOperator extends Operator {
  tokenHash: string;
}

/** Everything that the environment decides. Secrets are in here: never log it whole. */
export interface Config {
  stripe: {
    secretKey: string;
    /** True for a live key. */
    live: boolean;
    /** The account and mode that a database of another one may be used with, as `acct_1:live`. */
    accept?: string | null;
    /** Another host than Stripe's, e.g. the emulator; null is Stripe itself. */
    apiBase: string | null;
    webhookSecrets: string[];
    /** New customers are put on this clock, and "now" is its time. */
    testClock: string | null;
    /** The billing portal's configuration; null is the one of the Dashboard. */
    portalConfiguration: string | null;
  };
  /** How objects at Stripe say whose they are: our mark names the deployment, foreign keys only an account. */
  ownership: { deploymentId: string; metadataKeys: string[] };
  databaseUrl: string;
  http: { port: number; host: string; appUrl: string; trustProxy: ProxyTrust };
  auth: {
    jwtSecret: string | null;
    /** Secrets that are still good while they are replaced. */
    formerJwtSecrets?: string[];
    jwksUrl: string | null;
    audience: string | null;
    issuer?: string | null;
    allowNoExpiry?: boolean;
    /** Claims that name the account, its name, and the user's role in it; null: a user is their account. */
    accountClaim?: string | null;
    accountNameClaim?: string | null;
    roleClaim?: string | null;
  };
  adminToken: string | null;
  /** Tokens that are still good while they are replaced. */
  formerAdminTokens: string[];
  /** Further operators by the SHA-256 (hex) of their token; a name may have two while its token is replaced. */
  operators: ConfiguredOperator[];
  /** Operators who sign in at an OpenID provider, by verified e-mail address (or `*@domain`); null without one. */
  oidc: {
    issuer: string;
    clientId: string;
    secret: string;
    operators: EmailRule[];
  } | null;
  plans: { file: string | null; prices: Record<PriceVariable, string | null> };
  trial: {
    days: number;
    endWithoutMethod: 'cancel' | 'pause';
    /** A trial on a card that had one is ended at once. */
    onePerCard: boolean;
  };
  /** The pages of Checkout: where they may lead beside `APP_URL`, and what they ask for. */
  checkout: { origins: string[]; promotionCodes: boolean; taxIds: boolean };
  /** Stripe Tax works out the tax of everything that is sold. */
  automaticTax: boolean;
  grace: Grace;
  /** Who says which features a customer has: the plans file, or Stripe Entitlements. */
  entitlements: 'plans' | 'stripe';
  dunning: {
    maxAttempts: number;
    finalAction: 'cancel' | 'unpaid' | 'none';
    /** The final action follows so many days after the first failure, however few attempts were made. */
    maxDays: number;
    /** What becomes of the open invoices of a subscription that ends for non-payment. */
    openInvoices: 'void' | 'uncollectible' | 'keep';
  };
  /** What disputes and full refunds do. */
  returns: ReturnPolicy;
  mail: {
    smtpUrl: string | null;
    from: string;
    /** The language for customers who prefer none of ours. */
    locale: 'en' | 'de' | 'fr';
    /** A folder with templates of the deployment's own. */
    templates: string | null;
    /** Days before a yearly renewal on which its notice is sent; 0 is never. */
    renewalNoticeDays: number;
  };
  /** How pages and mails for customers look: `theme` is declarations of CSS variables. */
  shop: {
    name: string | null;
    logoUrl: string | null;
    supportEmail: string | null;
    theme: string[];
  };
  /** Where browsers reach the hosted billing page, and the origins whose pages may frame it. */
  billingPage: { url: string; frameOrigins: string[] };
  webhookAck: 'processed' | 'stored';
  /** Days after which events that were dealt with, and effects that were delivered, are deleted; null is never. */
  eventRetentionDays: number | null;
  /** Who is told of outgoing events; none of what has no receiver is stored. */
  receivers: readonly Receiver[];
  logLevel: LogLevel;
  /** Server processes that share the port. */
  workers: number;
  /** How long a server that is told to stop still takes requests, not ready any more, in ms. */
  drainMs: number;
  /** How long a start waits for a database that cannot be reached, in ms. */
  databaseWaitMs: number;
  metricsToken: string | null;
  /** Whether the demonstration shop is open, where anybody signs in by typing an address. */
  storefront: boolean;
  /** Per minute and process, requests and calls to Stripe that an account's requests make; 0 is no limit. */
  rateLimit: { perUser: number; perAddress: number; stripeCalls: number };
}

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

function toConfig(env: Environment): Config {
  return {
    stripe: {
      secretKey: env.STRIPE_SECRET_KEY,
      live: isLive(env),
      accept: env.ACCEPT_STRIPE_ACCOUNT ?? null,
      apiBase: env.STRIPE_API_BASE ?? null,
      webhookSecrets: env.STRIPE_WEBHOOK_SECRET,
      testClock: env.STRIPE_TEST_CLOCK ?? null,
      portalConfiguration: env.STRIPE_PORTAL_CONFIGURATION ?? null,
    },
    ownership: { deploymentId: env.DEPLOYMENT_ID, metadataKeys: env.OWNER_METADATA_KEYS },
    databaseUrl: withSchema(env.DATABASE_URL, env.DATABASE_SCHEMA ?? null),
    http: {
      port: env.PORT,
      host: env.HOST,
      trustProxy: env.TRUST_PROXY || null,
      appUrl: appUrlOf(env),
    },
    auth: {
      jwtSecret: env.AUTH_JWT_SECRET?.[0] ?? null,
      formerJwtSecrets: env.AUTH_JWT_SECRET?.slice(1) ?? [],
      jwksUrl: env.AUTH_JWKS_URL ?? null,
      audience: env.AUTH_JWT_AUDIENCE ?? null,
      issuer: env.AUTH_JWT_ISSUER ?? null,
      allowNoExpiry: env.AUTH_ALLOW_NO_EXPIRY === 'true',
      accountClaim: env.AUTH_ACCOUNT_CLAIM ?? null,
      accountNameClaim: env.AUTH_ACCOUNT_NAME_CLAIM ?? null,
      roleClaim: env.AUTH_ROLE_CLAIM ?? null,
    },
    adminToken: env.ADMIN_TOKEN?.[0] ?? null,
    formerAdminTokens: env.ADMIN_TOKEN?.slice(1) ?? [],
    operators: env.ADMIN_TOKENS ?? [],
    oidc: env.ADMIN_OIDC_ISSUER
      ? {
          issuer: env.ADMIN_OIDC_ISSUER,
          clientId: env.ADMIN_OIDC_CLIENT_ID ?? '',
          secret: env.ADMIN_OIDC_CLIENT_SECRET ?? '',
          operators: env.ADMIN_OIDC_OPERATORS ?? [],
        }
      : null,
    plans: {
      file: env.PLANS_FILE ?? null,
      prices: {
        STRIPE_STARTER_MONTHLY_PRICE_ID: env.STRIPE_STARTER_MONTHLY_PRICE_ID ?? null,
        STRIPE_STARTER_YEARLY_PRICE_ID: env.STRIPE_STARTER_YEARLY_PRICE_ID ?? null,
        STRIPE_PRO_MONTHLY_PRICE_ID: env.STRIPE_PRO_MONTHLY_PRICE_ID ?? null,
        STRIPE_PRO_YEARLY_PRICE_ID: env.STRIPE_PRO_YEARLY_PRICE_ID ?? null,
      },
    },
    trial: {
      days: env.TRIAL_DAYS,
      endWithoutMethod: env.TRIAL_END_WITHOUT_METHOD,
      // Everybody who tries it out shares the same few test cards.
      onePerCard:
        env.TRIAL_ONE_PER_CARD === undefined ? isLive(env) : env.TRIAL_ONE_PER_CARD === 'true',
    },
    checkout: {
      origins: env.CHECKOUT_ORIGINS,
      promotionCodes: env.CHECKOUT_PROMOTION_CODES === 'true',
      taxIds: env.CHECKOUT_TAX_IDS === 'true',
    },
    automaticTax: env.AUTOMATIC_TAX === 'true',
    grace: graceOf(env),
    entitlements: env.ENTITLEMENTS,
    dunning: {
      maxAttempts: env.DUNNING_MAX_ATTEMPTS,
      finalAction: env.DUNNING_FINAL_ACTION,
      maxDays: env.GRACE_MAX_DAYS ?? GRACE_MAX_DAYS,
      openInvoices: env.DUNNING_OPEN_INVOICES,
    },
    returns: { onDispute: env.ON_DISPUTE, onFullRefund: env.ON_FULL_REFUND },
    mail: {
      smtpUrl: env.SMTP_URL ?? null,
      from: env.MAIL_FROM,
      locale: env.MAIL_LOCALE,
      templates: env.MAIL_TEMPLATES ?? null,
      renewalNoticeDays: env.RENEWAL_NOTICE_DAYS,
    },
    shop: {
      name: env.SHOP_NAME ?? null,
      logoUrl: env.SHOP_LOGO_URL ?? null,
      supportEmail: env.SHOP_SUPPORT_EMAIL ?? null,
      theme: env.SHOP_THEME,
    },
    billingPage: {
      url: (env.BILLING_PAGE_URL ?? `${appUrlOf(env)}/api/billing/page`).replace(/\/+$/, ''),
      frameOrigins: env.BILLING_PAGE_FRAME_ORIGINS,
    },
    webhookAck: env.WEBHOOK_ACK,
    eventRetentionDays: env.EVENT_RETENTION_DAYS || null,
    receivers: receiversOf(env),
    logLevel: env.LOG_LEVEL,
    workers: env.WORKERS,
    drainMs: env.DRAIN_SECONDS * 1000,
    databaseWaitMs: env.DATABASE_WAIT_SECONDS * 1000,
    metricsToken: env.METRICS_TOKEN ?? null,
    storefront: env.STOREFRONT === 'demo' || isLocalAccount(env),
    rateLimit: {
      perUser: env.RATE_LIMIT_PER_USER,
      perAddress: env.RATE_LIMIT_PER_ADDRESS,
      stripeCalls: env.RATE_LIMIT_STRIPE_CALLS,
    },
  };
}

function receiversOf(env: Environment): Receiver[] {
  const { OUTGOING_WEBHOOK_URL: url, OUTGOING_WEBHOOK_SECRET: secret } = env;
  const unnamed = url && secret ? [{ name: '', url, secret, events: WEBHOOK_TYPES }] : [];
  const hooks = withHooks([], env.HOOK_EVENTS);
  return [...unnamed, ...env.OUTGOING_WEBHOOKS, ...hooks];
}

function appUrlOf(env: Environment): string {
  return (env.APP_URL ?? `http://${env.HOST}:${env.PORT}`).replace(/\/+$/, '');
}

/** A local Stripe: its customers are made up. */
function isLocalAccount(env: Environment): boolean {
  return env.STRIPE_API_BASE !== undefined && !isLive(env);
}

function graceOf({ GRACE, GRACE_MAX_DAYS: maxDays }: Environment): Grace {
  if (GRACE === 'period_end') return maxDays === undefined ? GRACE : { maxDays };
  return { days: Math.min(GRACE.days, maxDays ?? GRACE.days) };
}
