import { Writable } from 'node:stream';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { GatewayError } from '../../adapters/stripe-gateway.ts';
import type { GatewayErrorKind } from '../../adapters/stripe-gateway/errors.ts';
import { loadCatalogue } from '../../server/catalogue/catalogue.ts';
import { loadConfig } from '../../server/config/config.ts';
import { markDatabaseError } from '../../db/database-errors.ts';
import { AppError, toAppError } from '../../server/http/errors.ts';
import { createLogger } from '../../server/lib/log.ts';
import { StripeOutage } from '../../server/lib/stripe-outage.ts';
import { StillBusy } from '../../server/lib/lock-timeout.ts';

describe('What Stripe says', () => {
  const gatewayError = (kind: GatewayErrorKind, more: { retryAfter?: number } = {}) =>
    new GatewayError(kind, 'Your card was declined.', {
      code: 'card_declined',
      declineCode: 'insufficient_funds',
      retryAfter: more.retryAfter ?? null,
      param: null,
      status: null,
      cause: undefined,
    });

  it.each<[GatewayErrorKind, number, string]>([
    ['card_declined', 402, 'card_declined'],
    ['conflict', 409, 'stripe_conflict'],
    ['rate_limited', 429, 'rate_limited'],
    ['unavailable', 502, 'stripe_unavailable'],
    ['invalid', 502, 'stripe_rejected'],
    ['not_found', 502, 'stripe_rejected'],
  ])('as %s arrives as %i %s', (kind, status, code) => {
    expect(toAppError(gatewayError(kind))).toMatchObject({ status, code });
  });

  it('at the end of its patience is told with the time to wait, also when a read finds out', () => {
    const later = Date.now() + 6_900;
    const outage = new StripeOutage('away', later, gatewayError('unavailable'));
    const headers = { 'retry-after': '7' };
    expect(toAppError(outage)).toMatchObject({ status: 502, code: 'stripe_unavailable', headers });
    const limited = new StripeOutage('slow', later, gatewayError('rate_limited'));
    expect(toAppError(limited)).toMatchObject({ status: 429, code: 'rate_limited', headers });
    const busy = new StillBusy('others');
    expect(toAppError(busy)).toMatchObject({ status: 409, code: 'stripe_conflict' });
  });

  it('keeps the decline code and the time to wait', () => {
    expect(toAppError(gatewayError('card_declined')).fields).toEqual({
      declineCode: 'insufficient_funds',
    });
    expect(toAppError(gatewayError('rate_limited', { retryAfter: 7 })).headers).toEqual({
      'retry-after': '7',
    });
  });
});

describe('An error that nobody foresaw', () => {
  it('tells nothing of itself', () => {
    const error = toAppError(new Error('password=hunter2'));
    expect([error.code, error.status, error.message]).toEqual([
      'internal_error',
      500,
      'Something went wrong on our side.',
    ]);
  });

  it('of the database is a 503 that may be retried', () => {
    const refused = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' });
    expect(toAppError(refused)).toMatchObject({
      code: 'database_unavailable',
      headers: { 'retry-after': '5' },
    });
    const unique = Object.assign(new Error('duplicate key'), { code: '23505' });
    expect(toAppError(unique).code).toBe('internal_error');
  });

  it.each(
    '25006 53100 53200 53300 55P03 57014 57P01 40001 58030 08006 SQLITE_FULL SQLITE_READONLY SQLITE_CORRUPT SQLITE_BUSY SQLITE_NOTADB'.split(
      ' ',
    ),
  )('S-13: of the database with the code %s is a 503, whatever its words are', (code) => {
    const error = Object.assign(new Error('select 1 - words'), { code });
    expect(toAppError(error)).toMatchObject({
      code: 'database_unavailable',
      headers: { 'retry-after': '5' },
    });
  });

  it('S-13: of a connection to the database is told from one of a caller by where it comes from', () => {
    const cut = new Error('insert into x - Connection terminated unexpectedly');
    expect(toAppError(cut).code).toBe('internal_error');
    markDatabaseError(cut);
    expect(toAppError(cut).code).toBe('database_unavailable');
    const reset = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
    expect(toAppError(reset).code).toBe('internal_error');
  });

  it('that is ours stays as it is', () => {
    const error = new AppError('not_found', 'x');
    expect(toAppError(error)).toBe(error);
  });
});

describe('The log', () => {
  it('blots secrets out, at the root and one level below', () => {
    let written = '';
    const destination = new Writable({
      write(chunk: Buffer, _encoding, done) {
        written += chunk.toString();
        done();
      },
    });
    const log = createLogger({ level: 'info', destination });
    const secret = { secretKey: 'hunter2', jwtSecret: 'hunter2', adminToken: 'hunter2' };
    const lists = { formerJwtSecrets: ['hunter2'], formerAdminTokens: ['hunter2'] };
    const urls = { smtpUrl: 'hunter2', databaseUrl: 'hunter2', metricsToken: 'hunter2' };
    const more = { webhookSecrets: ['hunter2'], operators: [{ tokenHash: 'hunter2' }] };
    const config = { ...secret, ...lists, ...urls, ...more, secret: 'hunter2', token: 'hunter2' };
    const headers = { authorization: 'Bearer hunter2', 'stripe-signature': 'hunter2' };
    log.info({ ...config, config, headers: { ...headers, cookie: 'hunter2' }, plan: 'pro' }, 'x');
    expect(written).not.toContain('hunter2');
    // By their form wherever they turn up, as in the words of an error.
    const formed = {
      keys: ['sk_live_hunter2', 'rk_test_hunter2', 'pk_live_hunter2', 'whsec_hunter2hunter2'],
      token: 'eyJhunter2x.eyJhunter2x.hunter2',
      address: 'postgres://tenure:hunter2@db/x',
      header: 'Bearer hunter2hunter2',
    };
    log.error({ err: new Error(Object.values(formed).flat().join(' ')) }, 'failed');
    log.info({ list: Object.values(formed).flat() }, formed.token);
    expect(written).not.toContain('hunter2');
    expect(written.split('[secret]').length).toBeGreaterThan(20);
    expect(written).toContain('"plan":"pro"');
  });
});

describe('PLANS_FILE', () => {
  const env = { STRIPE_SECRET_KEY: 'sk_test_123456789', STRIPE_WEBHOOK_SECRET: 'whsec_123456789' };
  const load = (content: string, more: Record<string, string> = {}) => {
    const directory = mkdtempSync(join(tmpdir(), 'tenure-plans-'));
    const file = join(directory, 'plans.json');
    writeFileSync(file, content);
    try {
      const given = { ...env, PLANS_FILE: file, ...more };
      return loadCatalogue(loadConfig(given), given);
    } finally {
      rmSync(directory, { recursive: true });
    }
  };

  it('gives plans in the order of their rank, with prices by id or by variable', () => {
    const catalogue = load(
      JSON.stringify({
        plans: [
          {
            id: 'team',
            name: 'Team',
            rank: 2,
            prices: { monthly: '$TEAM_PRICE' },
            seats: { min: 2 },
          },
          {
            id: 'solo',
            name: 'Solo',
            rank: 1,
            prices: { monthly: 'price_solo' },
          },
        ],
      }),
      { TEAM_PRICE: 'price_team' },
    );
    expect(catalogue.plans).toMatchObject([
      { id: 'solo', prices: { monthly: { priceId: 'price_solo' } }, features: [] },
      { id: 'team', prices: { monthly: { priceId: 'price_team' } }, seats: { min: 2 } },
    ]);
    expect(catalogue.plans[0]?.prices.yearly).toBeUndefined();
  });

  it('C-5: names every variable that is not set, rather than sell less', () => {
    const plan = { id: 'solo', name: 'Solo', rank: 1 };
    const plans = [{ ...plan, prices: { monthly: '$NOT_SET', yearly: '$NOR_THIS' } }];
    const products = [{ id: 'book', name: 'Book', priceId: '$BOOK' }];
    for (const name of ['$NOT_SET', '$NOR_THIS', '$BOOK']) {
      expect(() => load(JSON.stringify({ plans, products }))).toThrow(`${name}, which is not set`);
    }
  });

  it('refuses a meter that counts in two ways, and ways that there are not', () => {
    const file = (...ways: (string | undefined)[]) =>
      JSON.stringify({
        plans: ways.map((aggregation, index) => ({
          id: `plan_${index}`,
          name: 'Plan',
          rank: index,
          prices: { monthly: `price_${index}` },
          meters: [{ meter: 'users', priceId: `price_users_${index}`, aggregation }],
        })),
      });
    expect(load(file('max', 'max')).plans[0]?.meters).toMatchObject([{ aggregation: 'max' }]);
    expect(() => load(file('max', undefined))).toThrow(/"users" as max and as sum/);
    expect(() => load(file('average'))).toThrow(/aggregation/);
  });

  it('refuses prepaid credit for a meter that no plan has', () => {
    const file = (meter: string) =>
      JSON.stringify({
        plans: [
          {
            id: 'pro',
            name: 'Pro',
            rank: 1,
            prices: { monthly: 'price_pro' },
            meters: [{ meter: 'calls', priceId: 'price_calls' }],
          },
        ],
        products: [
          { id: 'pack', name: 'Pack', priceId: 'price_pack', credit: { amount: 1000, meter } },
        ],
      });
    expect(load(file('calls')).products[0]?.credit).toEqual({ amount: 1000, meter: 'calls' });
    expect(() => load(file('mails'))).toThrow(/products.0.credit.meter: no plan has.*"mails"/);
  });

  it('lists its mistakes with their place', () => {
    expect(() => load('{')).toThrow(/PLANS_FILE .* is not readable JSON/);
    const wrong = {
      plans: [{ id: 'Solo!', name: '', rank: 1.5, prices: { monthly: 5 }, colour: 'red' }],
    };
    for (const place of [
      'plans.0.id',
      'plans.0.name',
      'plans.0.rank',
      'plans.0.prices.monthly',
      'colour',
    ]) {
      expect(() => load(JSON.stringify(wrong))).toThrow(place);
    }
  });
});
