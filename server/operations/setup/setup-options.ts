import { z } from 'zod';
import { ConfigError } from '../../config/config.ts';
import { planFileOf } from '../../catalogue/catalogue.ts';
import type { PlanFile } from '../../catalogue/plan-file.ts';
import { WEBHOOK_PATH } from '../../webhooks/event-types.ts';

/** What `setup:stripe` needs of the environment: less than the server, which it makes ready. */
export interface SetupOptions {
  secretKey: string;
  live: boolean;
  apiBase: string | null;
  plans: PlanFile;
  /** Where the webhook endpoint points; null makes none. */
  webhookUrl: string | null;
  /** Where the billing portal leads back to. */
  appUrl: string | null;
  /** Tells our portal configuration from others of the account. */
  portalName: string;
  /** Where `$NAME` references of the plans file are looked up. */
  env: Record<string, string | undefined>;
}

const environment = z.object({
  STRIPE_SECRET_KEY: z
    .string({ error: 'is missing: set the secret key of the account to set up (sk_test_… first)' })
    .regex(/^[rs]k_(test|live)_\w+$/, 'must be a secret key (sk_test_…, sk_live_…, rk_…)'),
  STRIPE_API_BASE: z.url('must be a URL such as http://127.0.0.1:12111').optional(),
  APP_URL: z.url('must be the URL of your application').optional(),
  PLANS_FILE: z.string().optional(),
});

/** Reads the environment; throws a ConfigError that lists every problem. */
export function setupOptions(
  env: Record<string, string | undefined>,
  given: { webhookUrl?: string | undefined; portalName?: string } = {},
): SetupOptions {
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value?.trim()));
  const parsed = environment.safeParse(set);
  if (!parsed.success) {
    throw new ConfigError(
      parsed.error.issues.map((issue) => `${String(issue.path[0])} ${issue.message}`),
    );
  }
  const { STRIPE_SECRET_KEY, STRIPE_API_BASE, APP_URL, PLANS_FILE } = parsed.data;
  const appUrl = APP_URL?.replace(/\/+$/, '') ?? null;
  return {
    secretKey: STRIPE_SECRET_KEY,
    live: /^[rs]k_live_/.test(STRIPE_SECRET_KEY),
    apiBase: STRIPE_API_BASE ?? null,
    plans: planFileOf(PLANS_FILE ?? null),
    webhookUrl: given.webhookUrl ?? (appUrl === null ? null : `${appUrl}${WEBHOOK_PATH}`),
    appUrl,
    portalName: given.portalName ?? 'portal',
    env: set,
  };
}
