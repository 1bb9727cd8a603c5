import { describe, expect, it } from 'vitest';
import { ConfigError, loadConfig } from '../../server/config/config.ts';
import { WEBHOOK_TYPES } from '../../state/effect-kinds.ts';

const TEST_ENV = {
  STRIPE_SECRET_KEY: 'sk_test_123456789',
  STRIPE_WEBHOOK_SECRET: 'whsec_123456789',
  STRIPE_PRO_MONTHLY_PRICE_ID: 'price_1',
};
const LIVE_ENV = {
  ...TEST_ENV,
  STRIPE_SECRET_KEY: 'sk_live_123456789',
  ADMIN_TOKEN: 'an admin token of tests',
  AUTH_JWT_SECRET: 'a secret that signs tokens in tests',
  APP_URL: 'https://app.example.com',
};

describe('The configuration', () => {
  it('has the documented defaults', () => {
    expect(loadConfig(TEST_ENV)).toMatchObject({
      databaseUrl: 'sqlite:./data/tenure.sqlite',
      http: { port: 3000, host: '127.0.0.1', appUrl: 'http://127.0.0.1:3000' },
      trial: { days: 14, endWithoutMethod: 'cancel', onePerCard: false },
      automaticTax: false,
      grace: 'period_end',
      dunning: { maxAttempts: 3, finalAction: 'cancel' },
      webhookAck: 'processed',
      eventRetentionDays: null,
      stripe: { live: false, apiBase: null, testClock: null },
    });
  });

  it('takes every variable that is set, and an empty one as not set', () => {
    const config = loadConfig({
      ...TEST_ENV,
      STRIPE_WEBHOOK_SECRET: 'whsec_12345678, whsec_abcdefgh',
      GRACE: '7',
      TRIAL_DAYS: '0',
      APP_URL: 'https://app.example.com/',
      DUNNING_FINAL_ACTION: 'unpaid',
      OUTGOING_WEBHOOK_URL: 'https://example.com/hook',
      OUTGOING_WEBHOOK_SECRET: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
      PORT: '',
    });
    expect(config).toMatchObject({
      grace: { days: 7 },
      trial: { days: 0 },
      http: { port: 3000, appUrl: 'https://app.example.com' },
      dunning: { finalAction: 'unpaid' },
      receivers: [{ name: '', url: 'https://example.com/hook' }],
    });
    expect(config.stripe.webhookSecrets).toEqual(['whsec_12345678', 'whsec_abcdefgh']);
  });

  it('lists every bad variable in one message, each with its mend', () => {
    const problems = problemsOf({
      STRIPE_SECRET_KEY: 'pk_test_1',
      DATABASE_URL: 'mysql://x',
      PORT: '99999',
      AUTH_JWT_SECRET: 'short',
      GRACE: 'some days',
      DUNNING_FINAL_ACTION: 'shout',
      APP_URL: 'example.com',
      LOG_LEVEL: 'loud',
    });
    for (const name of [
      'STRIPE_SECRET_KEY',
      'STRIPE_WEBHOOK_SECRET',
      'DATABASE_URL',
      'PORT',
      'AUTH_JWT_SECRET',
      'GRACE',
      'DUNNING_FINAL_ACTION',
      'APP_URL',
      'LOG_LEVEL',
    ]) {
      expect(
        problems.filter((problem) => problem.startsWith(`${name} `)),
        name,
      ).toHaveLength(1);
    }
  });

  it('never repeats a secret in its message', () => {
    const problems = problemsOf({
      ...TEST_ENV,
      AUTH_JWT_SECRET: 'hunter2',
      ADMIN_TOKEN: 'hunter3',
    });
    expect(problems.join()).not.toMatch(/hunter/);
  });

  it.each([undefined, '', ' ', 'nonsense'])(
    'does not start without a webhook secret (%j): no event could be trusted (lesson 19)',
    (secret) => {
      const problems = problemsOf({ ...TEST_ENV, STRIPE_WEBHOOK_SECRET: secret });
      expect(problems).toEqual([expect.stringContaining('STRIPE_WEBHOOK_SECRET')]);
    },
  );

  it('starts with a live key only if webhook secret, admin token and authentication are there', () => {
    expect(loadConfig(LIVE_ENV).stripe.live).toBe(true);
    for (const name of ['ADMIN_TOKEN', 'AUTH_JWT_SECRET', 'STRIPE_WEBHOOK_SECRET'] as const) {
      const problems = problemsOf({ ...LIVE_ENV, [name]: undefined });
      expect(problems, name).toEqual([expect.stringContaining(name)]);
    }
    const embedded = { ...LIVE_ENV, AUTH_JWT_SECRET: undefined };
    expect(loadConfig(embedded, { ownAuthentication: true }).stripe.live).toBe(true);
  });

  it('A-12: takes several receivers of outgoing webhooks, and says what is wrong with one', () => {
    const secret = `whsec_${'A'.repeat(32)}`;
    const load = (value: unknown) =>
      loadConfig({
        ...TEST_ENV,
        OUTGOING_WEBHOOKS: typeof value === 'string' ? value : JSON.stringify(value),
      }).receivers;
    const url = 'http://crm.example.com/hook';
    const [crm, all] = load([
      { url, secret, events: ['dispute.*', 'payment.failed'] },
      { name: 'all', url, secret },
    ]);
    expect(crm).toMatchObject({
      name: 'crm.example.com',
      events: ['payment.failed', 'dispute.opened', 'dispute.won', 'dispute.lost'],
    });
    expect(all?.events).toEqual(WEBHOOK_TYPES);
    const wrong: [unknown, RegExp][] = [
      ['https://crm.example.com', /OUTGOING_WEBHOOKS must be JSON/],
      [{ url, secret }, /OUTGOING_WEBHOOKS must be a list/],
      [[{ url: 'ftp://crm.example.com', secret }], /url must be an http\(s\) URL/],
      [[{ url, secret: 'short' }], /secret must be whsec_/],
      [[{ url, secret, events: ['payment.fail'] }], /events must be types of docs/],
      [[{ url, secret, events: [] }], /events must name at least one type/],
      [[{ url, secret, name: 'default' }], /name must not be default/],
      [[{ url, secret, name: 'a b' }], /name must be 1 to 63/],
      [
        [
          { url, secret },
          { url, secret },
        ],
        /a name of its own/,
      ],
    ];
    for (const [value, words] of wrong) expect(() => load(value)).toThrow(words);
  });

  it('S-22: starts with a live key only if addresses are https and secrets hard to guess and different', () => {
    const wrong: [Record<string, string | undefined>, string][] = [
      [{ APP_URL: undefined }, 'APP_URL is missing'],
      [{ APP_URL: 'http://app.example.com' }, 'APP_URL must be https'],
      [{ ADMIN_TOKEN: 'a'.repeat(16) }, 'ADMIN_TOKEN is too easy to guess'],
      [{ AUTH_JWT_SECRET: 'x'.repeat(32) }, 'AUTH_JWT_SECRET is too easy to guess'],
      [{ ADMIN_TOKEN: LIVE_ENV.AUTH_JWT_SECRET }, 'ADMIN_TOKEN and AUTH_JWT_SECRET must differ'],
      [{ METRICS_TOKEN: LIVE_ENV.ADMIN_TOKEN }, 'ADMIN_TOKEN and METRICS_TOKEN must differ'],
      [{ METRICS_TOKEN: 'm'.repeat(16) }, 'METRICS_TOKEN is too easy to guess'],
      [
        {
          OUTGOING_WEBHOOK_URL: 'http://app.example.com/hook',
          OUTGOING_WEBHOOK_SECRET: `whsec_${'A'.repeat(32)}`,
        },
        'OUTGOING_WEBHOOK_URL must be https',
      ],
      [
        {
          OUTGOING_WEBHOOKS: JSON.stringify([
            { url: 'http://crm.example.com/hook', secret: `whsec_${'A'.repeat(32)}` },
          ]),
        },
        'OUTGOING_WEBHOOKS (crm.example.com) must be https',
      ],
      [
        {
          AUTH_JWT_SECRET: undefined,
          AUTH_JWKS_URL: 'http://id.example.com/keys',
          AUTH_JWT_ISSUER: 'https://id.example.com',
        },
        'AUTH_JWKS_URL must be https',
      ],
    ];
    for (const [env, words] of wrong) {
      expect(problemsOf({ ...LIVE_ENV, ...env }), words).toEqual([expect.stringContaining(words)]);
      expect(problemsOf({ ...TEST_ENV, ...env })).toEqual([]);
    }
  });

  it('S-22: takes two values of a secret while it is replaced, and none that is weak or twice there', () => {
    const [fresh, old] = [`${'abcdefgh'.repeat(4)}-fresh`, `${'abcdefgh'.repeat(4)}-old`];
    const config = loadConfig({
      ...LIVE_ENV,
      ADMIN_TOKEN: `${fresh}1, ${old}1`,
      AUTH_JWT_SECRET: `${fresh}2,${old}2`,
    });
    expect(config).toMatchObject({ adminToken: `${fresh}1`, formerAdminTokens: [`${old}1`] });
    expect(config.auth).toMatchObject({ jwtSecret: `${fresh}2`, formerJwtSecrets: [`${old}2`] });
    const wrong: [Record<string, string>, string][] = [
      [{ ADMIN_TOKEN: `${fresh},short` }, 'ADMIN_TOKEN must be 16 characters'],
      [{ AUTH_JWT_SECRET: `${fresh},short` }, 'AUTH_JWT_SECRET must be 32 bytes'],
      [{ ADMIN_TOKEN: `${fresh},${'a'.repeat(16)}` }, 'ADMIN_TOKEN is too easy'],
      [{ ADMIN_TOKEN: `${fresh},${fresh}` }, 'ADMIN_TOKEN and ADMIN_TOKEN must differ'],
      [{ ADMIN_TOKEN: `${fresh},${old}`, AUTH_JWT_SECRET: old }, 'ADMIN_TOKEN and AUTH_JWT_SECRET'],
    ];
    for (const [env, words] of wrong)
      expect(problemsOf({ ...LIVE_ENV, ...env }), words).toEqual([expect.stringContaining(words)]);
  });

  it('S-21: wants an issuer or an audience with a key set', () => {
    const env = { ...TEST_ENV, AUTH_JWKS_URL: 'https://id.example.com/keys' };
    expect(problemsOf(env)).toEqual([expect.stringContaining('AUTH_JWT_ISSUER')]);
    expect(problemsOf({ ...env, AUTH_JWT_ISSUER: 'https://id.example.com' })).toEqual([]);
  });

  it('S-23: opens the demonstration shop on a real test account only when it is told to', () => {
    expect(loadConfig(TEST_ENV).storefront).toBe(false);
    expect(loadConfig({ ...TEST_ENV, STOREFRONT: 'demo' }).storefront).toBe(true);
    const local = { ...TEST_ENV, STRIPE_API_BASE: 'http://127.0.0.1:12111' };
    expect(loadConfig(local).storefront).toBe(true);
  });

  it('keeps a live key away from test clocks and other hosts', () => {
    expect(
      problemsOf({
        ...LIVE_ENV,
        STRIPE_TEST_CLOCK: 'clock_1',
        STRIPE_API_BASE: 'http://127.0.0.1:12111',
      }),
    ).toEqual([
      expect.stringContaining('STRIPE_TEST_CLOCK'),
      expect.stringContaining('STRIPE_API_BASE'),
    ]);
  });

  it('runs several processes on Postgres only', () => {
    expect(problemsOf({ ...TEST_ENV, WORKERS: '2' })).toEqual([
      expect.stringContaining('WORKERS above 1 asks for Postgres'),
    ]);
    const DATABASE_URL = 'postgres://localhost/tenure';
    expect(loadConfig({ ...TEST_ENV, WORKERS: '2', DATABASE_URL }).workers).toBe(2);
    expect(loadConfig(TEST_ENV).workers).toBe(1);
  });

  it('keeps events for ever, or longer than Stripe may send one again', () => {
    const days = (value: string) =>
      loadConfig({ ...TEST_ENV, EVENT_RETENTION_DAYS: value }).eventRetentionDays;
    expect(days('')).toBeNull();
    expect(days('0')).toBeNull();
    expect(days('35')).toBe(35);
    for (const value of ['34', '1', '-1', '9999', '90 days']) {
      expect(problemsOf({ ...TEST_ENV, EVENT_RETENTION_DAYS: value }), value).toEqual([
        expect.stringMatching(/^EVENT_RETENTION_DAYS must be a number of days from 35/),
      ]);
    }
  });

  it('believes proxies that it is told of, and never all of them', () => {
    const trust = (value: string) =>
      loadConfig({ ...TEST_ENV, TRUST_PROXY: value }).http.trustProxy;
    expect(loadConfig(TEST_ENV).http.trustProxy).toBeNull();
    expect(trust('0')).toBeNull();
    expect(trust('1')).toBe(1);
    expect(trust('loopback, 10.0.0.0/8,fd00::/8')).toEqual(['loopback', '10.0.0.0/8', 'fd00::/8']);
    for (const value of ['true', '0.0.0.0/0', '::/0', '11', '10.0.0.0/33', 'proxy.example']) {
      expect(problemsOf({ ...TEST_ENV, TRUST_PROXY: value }), value).toHaveLength(1);
    }
  });

  it('wants something to sell, and one way to authenticate', () => {
    expect(problemsOf({ ...TEST_ENV, STRIPE_PRO_MONTHLY_PRICE_ID: undefined })).toEqual([
      expect.stringContaining('PLANS_FILE'),
    ]);
    expect(
      problemsOf({
        ...TEST_ENV,
        AUTH_JWT_SECRET: 'x'.repeat(32),
        AUTH_JWKS_URL: 'https://example.com/jwks.json',
        AUTH_JWT_AUDIENCE: 'tenure',
      }),
    ).toEqual([expect.stringContaining('exclude each other')]);
  });
});

function problemsOf(env: Record<string, string | undefined>): string[] {
  try {
    loadConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}
