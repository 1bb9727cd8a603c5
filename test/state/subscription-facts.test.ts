import { describe, expect, it } from 'vitest';
import { orderKeyOf, readEvent } from '../../state/event-facts.ts';
import { methodFingerprint, readSubscription } from '../../state/subscription-facts.ts';
import type { SubscriptionFacts } from '../../state/types.ts';
import { downgradeSchedule, itemList, rawEvent, rawInvoice, rawItem } from './factories.ts';
import { rawSubscription, storedIn, T0, DAY, type Raw } from './factories.ts';

const PERIOD = { current_period_start: T0, current_period_end: T0 + 30 * DAY };

function withoutPeriod(item: Raw): Raw {
  const { current_period_start: _start, current_period_end: _end, ...rest } = item;
  return rest;
}

/** The same subscription as each API version writes it. */
const VERSIONS: Record<string, Raw> = {
  '2020-03-02': (() => {
    const plan = {
      id: 'price_pro_month',
      object: 'plan',
      amount: 3000,
      amount_decimal: '3000',
      billing_scheme: 'per_unit',
      currency: 'usd',
      interval: 'month',
      interval_count: 1,
      product: 'prod_1',
      usage_type: 'licensed',
    };
    const { currency: _, billing_mode: __, cancellation_details: ___, ...rest } = rawSubscription();
    const { price: ____, ...item } = withoutPeriod(rawItem());
    return { ...rest, ...PERIOD, plan, quantity: 1, items: itemList({ ...item, plan }) };
  })(),
  acacia: (() => {
    const { billing_mode: _, ...rest } = rawSubscription();
    return { ...rest, ...PERIOD, items: itemList(withoutPeriod(rawItem())) };
  })(),
  basil: (() => {
    const { billing_mode: _, ...rest } = rawSubscription();
    return rest;
  })(),
  clover: rawSubscription({ billing_mode: { type: 'classic' } }),
  dahlia: rawSubscription(),
  endive: rawSubscription({ status_details: { paused: null } }),
};

describe('a Stripe subscription of any API version', () => {
  it.each(Object.keys(VERSIONS))(
    'reads period, price and amount from %s (lesson 9: better-auth 2087)',
    (name) => {
      const facts = readSubscription(VERSIONS[name]);
      expect(facts).toMatchObject({
        id: 'sub_1',
        customerId: 'cus_1',
        stripeStatus: 'active',
        currency: 'usd',
        currentPeriodStart: T0 * 1000,
        currentPeriodEnd: (T0 + 30 * DAY) * 1000,
      });
      expect(facts.items).toEqual([
        {
          id: 'si_1',
          priceId: 'price_pro_month',
          productId: 'prod_1',
          quantity: 1,
          currency: 'usd',
          unitAmount: 3000,
          interval: 'month',
          intervalCount: 1,
          metered: false,
          periodStart: T0 * 1000,
          periodEnd: (T0 + 30 * DAY) * 1000,
        },
      ]);
    },
  );

  it('takes the period of the item that ends first', () => {
    const later = rawItem({ id: 'si_2', current_period_end: T0 + 365 * DAY }, 'price_pro_year');
    const facts = readSubscription(rawSubscription({ items: itemList(later, rawItem()) }));
    expect(facts.currentPeriodEnd).toBe((T0 + 30 * DAY) * 1000);
  });

  it('reads decimals as text and as objects, and no amount from fractions and tiers', () => {
    const priced = (changes: Raw): number | null | undefined => {
      const price = { ...(rawItem()['price'] as Raw), unit_amount: null, ...changes };
      const facts = readSubscription(rawSubscription({ items: itemList(rawItem({ price })) }));
      return facts.items[0]?.unitAmount;
    };
    expect(priced({ unit_amount_decimal: '1200' })).toBe(1200);
    const decimal = { toString: () => '1200', toFixed: () => '1200' };
    expect(priced({ unit_amount_decimal: decimal })).toBe(1200);
    expect(priced({ unit_amount_decimal: '0.25' })).toBeNull();
    expect(priced({ unit_amount: 500, billing_scheme: 'tiered' })).toBeNull();
  });

  it('takes expanded objects and deleted customers for their ids (lesson 11: pay 1201)', () => {
    const facts = readSubscription(
      rawSubscription({
        customer: { id: 'cus_1', object: 'customer', deleted: true },
        latest_invoice: rawInvoice({ status: 'open', attempt_count: 2 }),
        default_payment_method: { id: 'pm_1', card: { fingerprint: 'fp_1' } },
        schedule: downgradeSchedule(),
      }),
    );
    expect(facts).toMatchObject({
      customerId: 'cus_1',
      latestInvoiceId: 'in_1',
      latestInvoice: { status: 'open', attemptCount: 2 },
      defaultPaymentMethodId: 'pm_1',
      cardFingerprint: 'fp_1',
      scheduleId: 'sub_sched_1',
      nextPhase: { priceId: 'price_starter_month', quantity: 1, at: (T0 + 30 * DAY) * 1000 },
    });
  });

  const NULLABLE: [keyof SubscriptionFacts, Raw, Raw][] = [
    ['trialStart', { trial_start: T0 }, { trial_start: null }],
    ['trialEnd', { trial_end: T0 }, { trial_end: null }],
    ['cancelAt', { cancel_at: T0 }, { cancel_at: null }],
    ['canceledAt', { canceled_at: T0 }, { canceled_at: null }],
    ['endedAt', { ended_at: T0 }, { ended_at: null }],
    [
      'cancellationReason',
      { cancellation_details: { reason: 'payment_failed' } },
      { cancellation_details: null },
    ],
    ['pauseCollection', { pause_collection: { behavior: 'void' } }, { pause_collection: null }],
    ['scheduleId', { schedule: 'sub_sched_1' }, { schedule: null }],
    ['nextPhase', { schedule: downgradeSchedule() }, { schedule: null }],
    ['pendingUpdate', { pending_update: { expires_at: T0 } }, { pending_update: null }],
    ['latestInvoiceId', { latest_invoice: 'in_1' }, { latest_invoice: null }],
    [
      'defaultPaymentMethodId',
      { default_payment_method: 'pm_1' },
      { default_payment_method: null },
    ],
  ];
  it.each(NULLABLE)(
    'clears %s when Stripe says null (lesson 10: cashier 1824)',
    (field, set, cleared) => {
      expect(readSubscription(rawSubscription(set))[field]).not.toBeNull();
      expect(readSubscription(rawSubscription(cleared))[field]).toBeNull();
      expect(storedIn('active', cleared).facts[field]).toBeNull();
    },
  );

  it('says what is missing from something that is no subscription', () => {
    expect(() => readSubscription(null)).toThrow('no object');
    expect(() => readSubscription({ id: 'in_1', object: 'invoice' })).toThrow('"invoice"');
    expect(() => readSubscription(rawSubscription({ status: null }))).toThrow('no status');
    expect(() => readSubscription(rawSubscription({ customer: undefined }))).toThrow('no customer');
  });
});

describe('a Stripe event', () => {
  it('carries the subscription and what it was before', () => {
    const object = rawSubscription({ cancel_at: T0 + DAY });
    const data = { object, previous_attributes: { cancel_at: null, items: itemList(rawItem()) } };
    const event = readEvent(rawEvent('customer.subscription.updated', object, { data }));
    expect(event.subscription?.cancelAt).toBe((T0 + DAY) * 1000);
    expect(event.before?.cancelAt).toBeNull();
    expect(event).toMatchObject({ customerId: 'cus_1', subscriptionId: 'sub_1', thin: false });
    expect(orderKeyOf(event)).toBe('cus_1');
  });

  it.each([
    ['endive', rawInvoice()],
    [
      'acacia',
      { ...rawInvoice({ parent: undefined, payment_intent: 'pi_1' }), subscription: 'sub_1' },
    ],
    ['2020-03-02', { ...rawInvoice({ parent: undefined }), subscription: { id: 'sub_1' } }],
  ])('finds the subscription of an invoice of %s', (_version, invoice) => {
    const event = readEvent(rawEvent('invoice.payment_failed', invoice));
    expect(event.invoice).toMatchObject({ id: 'in_1', amountDue: 3000, attemptCount: 1 });
    expect(event.subscriptionId).toBe('sub_1');
  });

  it('reads the decline code and payment of an invoice whose payments came expanded', () => {
    const intent = { id: 'pi_1', last_payment_error: { decline_code: 'insufficient_funds' } };
    const payments = itemList({ is_default: true, payment: { payment_intent: intent } });
    const event = readEvent(rawEvent('invoice.payment_failed', rawInvoice({ payments })));
    expect(event.invoice).toMatchObject({
      declineCode: 'insufficient_funds',
      paymentIntentId: 'pi_1',
    });
  });

  it('reads a thin event, which carries no object', () => {
    const event = readEvent({
      id: 'evt_thin',
      object: 'v2.core.event',
      type: 'v1.customer.subscription.past_due',
      created: '2026-11-01T00:00:00.000Z',
      livemode: false,
      related_object: { id: 'sub_1', type: 'subscription', url: '/v1/subscriptions/sub_1' },
      context: 'acct_1',
    });
    expect(event).toMatchObject({ thin: true, subscriptionId: 'sub_1', createdAt: T0 * 1000 });
    expect(event).toMatchObject({ account: 'acct_1', subscription: null });
    expect(orderKeyOf(event)).toBe('sub_1');
  });

  it('knows checkouts, customers, schedules and upcoming invoices', () => {
    const session = {
      id: 'cs_1',
      object: 'checkout.session',
      mode: 'subscription',
      customer: 'cus_1',
    };
    const paid = {
      ...session,
      payment_status: 'paid',
      subscription: 'sub_1',
      metadata: { a: 'b' },
    };
    const checkout = readEvent(rawEvent('checkout.session.completed', paid));
    expect(checkout.checkout).toMatchObject({ sessionId: 'cs_1', metadata: { a: 'b' } });
    expect(checkout.subscriptionId).toBe('sub_1');
    const customer = readEvent(rawEvent('customer.deleted', { id: 'cus_1', object: 'customer' }));
    expect(customer.customer?.deleted).toBe(true);
    expect(customer.customerId).toBe('cus_1');
    const schedule = readEvent(rawEvent('subscription_schedule.updated', downgradeSchedule()));
    expect(schedule.schedule?.nextPhase?.priceId).toBe('price_starter_month');
    const upcoming = readEvent(rawEvent('invoice.upcoming', rawInvoice({ id: undefined })));
    expect(upcoming.invoice).toBeNull();
  });

  it('never fails on a type it does not know or an object it cannot read (sync-engine 114)', () => {
    const unknown = readEvent(rawEvent('moon.landed', { object: 'moon', id: 'moon_1' }));
    expect(unknown).toMatchObject({ type: 'moon.landed', objectId: 'moon_1', problem: null });
    const bare = readEvent({ id: 'evt_1', type: 'moon.landed', data: null });
    expect(orderKeyOf(bare)).toBe('evt_1');
    const broken = rawSubscription({ status: 7 });
    const event = readEvent(rawEvent('customer.subscription.updated', broken));
    expect(event.subscription).toBeNull();
    expect(event.problem).toContain('no status');
    expect(event.subscriptionId).toBe('sub_1');
  });

  it('refuses what is no event at all', () => {
    for (const nonsense of [null, [], 'evt', {}, { id: 'evt_1' }, rawInvoice()]) {
      expect(() => readEvent(nonsense)).toThrow('Not a Stripe event');
    }
  });
});

describe('M-19: two saved methods are one', () => {
  const of = (type: string, details: object) => methodFingerprint({ type, [type]: details });

  it('by the fingerprint of a card, in a wallet as well, or of a bank account', () => {
    const wallet = { fingerprint: 'fp_1', wallet: { type: 'apple_pay' } };
    expect([of('card', { fingerprint: 'fp_1' }), of('card', wallet)]).toEqual(['fp_1', 'fp_1']);
    expect(of('sepa_debit', { fingerprint: 'fp_2', last4: '3001' })).toBe('fp_2');
    expect(of('us_bank_account', { fingerprint: 'fp_3' })).toBe('fp_3');
  });

  it('by who pays, where Stripe gives no fingerprint: the e-mail of Link, the payer of PayPal', () => {
    expect(of('link', { email: 'Ada@Example.com' })).toBe('link:ada@example.com');
    const paypal = { payer_id: 'QWERTY', payer_email: 'ada@example.com', country: 'DE' };
    expect(of('paypal', paypal)).toBe('paypal:qwerty');
    expect(of('paypal', { ...paypal, payer_id: null })).toBe('paypal:ada@example.com');
    expect(of('cashapp', { buyer_id: 'B1', cashtag: '$ada' })).toBe('cashapp:b1');
  });

  it('or not known to be', () => {
    expect([of('link', { email: null }), of('ideal', {}), methodFingerprint('pm_1')]).toEqual([
      null,
      null,
      null,
    ]);
  });
});
