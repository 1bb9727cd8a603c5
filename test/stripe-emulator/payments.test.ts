import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type Stripe from 'stripe';
import { TEST_CARDS } from '../../scripts/stripe-emulator/payments/cards.ts';
import {
  emulatedAccount,
  idIn,
  postForm,
  refusal,
  type EmulatedAccount,
} from './emulated-account.ts';

let account: EmulatedAccount;
let stripe: Stripe;

beforeAll(async () => {
  account = await emulatedAccount();
  ({ stripe } = account);
});
afterAll(async () => account.close());

const noRedirects = {
  automatic_payment_methods: { enabled: true, allow_redirects: 'never' },
} as const;
const pay = (method: string, more: Partial<Stripe.PaymentIntentCreateParams> = {}) =>
  stripe.paymentIntents.create({
    amount: 2000,
    currency: 'usd',
    payment_method: method,
    confirm: true,
    ...noRedirects,
    ...more,
  });
const newCustomer = () => stripe.customers.create({ email: 'ada@example.test' });

async function eventually<T>(read: () => Promise<T>, wanted: (value: T) => boolean): Promise<T> {
  for (let tries = 0; tries < 60; tries += 1) {
    const value = await read();
    if (wanted(value)) return value;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('it did not happen within six seconds');
}

describe('payment methods', () => {
  it('attaching a card token makes a new method, and the same card keeps its fingerprint', async () => {
    const customer = await newCustomer();
    const first = await stripe.paymentMethods.attach('pm_card_visa', { customer: customer.id });
    const second = await stripe.paymentMethods.attach('pm_card_visa', { customer: customer.id });
    expect(first.id).toMatch(/^pm_\w{24}$/);
    expect(second.id).not.toBe(first.id);
    expect(second.card?.fingerprint).toBe(first.card?.fingerprint);
    expect(first.card).toMatchObject({
      brand: 'visa',
      last4: '4242',
      checks: { cvc_check: 'pass' },
    });
    const listed = await stripe.customers.listPaymentMethods(customer.id);
    expect(listed.data.map((each) => each.id)).toEqual([second.id, first.id]);
  });

  it('a typed number and a token of the same card have one fingerprint', async () => {
    const typed = await stripe.paymentMethods.create({
      type: 'card',
      card: { number: '4242424242424242', exp_month: 12, exp_year: 2034, cvc: '123' },
    });
    const token = await stripe.paymentMethods.create({ type: 'card', card: { token: 'tok_visa' } });
    expect(token.card?.fingerprint).toBe(typed.card?.fingerprint);
  });

  it('cards that decline cannot be attached; the one for failing renewals can', async () => {
    const customer = await newCustomer();
    const declined = await refusal(
      stripe.paymentMethods.attach('pm_card_chargeDeclined', { customer: customer.id }),
    );
    expect(declined).toMatchObject({
      statusCode: 402,
      type: 'StripeCardError',
      code: 'card_declined',
      decline_code: 'generic_decline',
    });
    const attached = await stripe.paymentMethods.attach('pm_card_chargeCustomerFail', {
      customer: customer.id,
    });
    expect(attached.customer).toBe(customer.id);
    const failed = await refusal(pay(attached.id, { customer: customer.id }));
    expect(failed).toMatchObject({ statusCode: 402, code: 'card_declined' });
  });

  it('a detached method is nobody’s default any more and may not be used again', async () => {
    const customer = await newCustomer();
    const method = await stripe.paymentMethods.attach('pm_card_visa', { customer: customer.id });
    await stripe.customers.update(customer.id, {
      invoice_settings: { default_payment_method: method.id },
    });
    await stripe.paymentMethods.detach(method.id);
    expect(await stripe.customers.retrieve(customer.id)).toMatchObject({
      invoice_settings: { default_payment_method: null },
    });
    const again = await refusal(stripe.paymentMethods.attach(method.id, { customer: customer.id }));
    expect(again.message).toContain('It may not be used again');
  });

  it('numbers that no card has are refused with the field at fault', async () => {
    const make = (card: Partial<Stripe.PaymentMethodCreateParams.Card>) =>
      refusal(
        stripe.paymentMethods.create({
          type: 'card',
          card: {
            number: '4242424242424242',
            exp_month: 12,
            exp_year: 2034,
            ...card,
          },
        }),
      );
    expect(await make({ number: '4242424242424241' })).toMatchObject({
      code: 'incorrect_number',
      param: 'number',
    });
    expect(await make({ exp_month: 13 })).toMatchObject({
      code: 'invalid_expiry_month',
      param: 'exp_month',
    });
    expect(await make({ exp_year: 2020 })).toMatchObject({
      code: 'invalid_expiry_year',
      param: 'exp_year',
    });
    expect(await make({ cvc: '1' })).toMatchObject({ code: 'invalid_cvc', param: 'cvc' });
    expect(await make({ number: '4539578763621486' })).toMatchObject({
      code: 'card_declined',
      decline_code: 'test_mode_live_card',
    });
  });

  it('a method of someone else is refused', async () => {
    const [owner, other] = [await newCustomer(), await newCustomer()];
    const method = await stripe.paymentMethods.attach('pm_card_visa', { customer: owner.id });
    expect(
      await refusal(stripe.paymentMethods.attach(method.id, { customer: other.id })),
    ).toMatchObject({ statusCode: 400 });
    expect(await refusal(pay(method.id, { customer: other.id }))).toMatchObject({
      statusCode: 400,
    });
    expect(
      await refusal(stripe.paymentMethods.attach('pm_nothing', { customer: owner.id })),
    ).toMatchObject({ code: 'resource_missing', statusCode: 404 });
  });

  it('a legacy source becomes a card that can be charged', async () => {
    const answer = await account.cli('/v1/customers', { source: 'tok_visa' });
    expect(answer.body['default_source']).toMatch(/^card_/);
    const charge = await stripe.charges.create({
      amount: 500,
      currency: 'usd',
      customer: String(answer.body['id']),
    });
    expect(charge).toMatchObject({
      status: 'succeeded',
      paid: true,
      payment_method: answer.body['default_source'],
    });
  });
});

describe('payment intents', () => {
  it('a paid intent has its charge and its events in order', async () => {
    const before = (await account.eventTypes()).length;
    const intent = await pay('pm_card_visa', { expand: ['latest_charge.balance_transaction'] });
    expect(intent).toMatchObject({ status: 'succeeded', amount_received: 2000 });
    expect(intent.latest_charge).toMatchObject({
      paid: true,
      captured: true,
      balance_transaction: null,
    });
    const told = (await account.eventTypes()).slice(before);
    // Charges of earlier tests are booked meanwhile.
    expect(told.filter((type) => type !== 'charge.updated')).toEqual([
      'payment_intent.created',
      'charge.succeeded',
      'payment_intent.succeeded',
    ]);
  });

  it('books an asynchronously captured charge a moment after the answer', async () => {
    const intent = await pay('pm_card_visa', {});
    const shown = async () =>
      stripe.charges.retrieve(idIn(intent.latest_charge), { expand: ['balance_transaction'] });
    await vi.waitFor(
      async () =>
        expect((await shown()).balance_transaction).toMatchObject({
          amount: 2000,
          fee: 88,
          net: 1912,
        }),
      { timeout: 10_000 },
    );
    const [updated] = (await stripe.events.list({ type: 'charge.updated', limit: 1 })).data;
    expect(updated?.data.previous_attributes).toEqual({ balance_transaction: null });
  });

  const declining = TEST_CARDS.filter(
    (card) => card.onCharge !== null && card.authentication === 'never',
  );
  it.each(declining.map((card) => [card.names[0] ?? '', card] as const))(
    'pm_card_%s is declined as documented',
    async (name, card) => {
      const error = await refusal(pay(`pm_card_${name}`));
      expect(error).toMatchObject({
        statusCode: 402,
        type: 'StripeCardError',
        code: card.onCharge?.code,
        message: card.onCharge?.message,
      });
      expect(error.decline_code || null).toBe(card.onCharge?.declineCode ?? null);
      const { payment_intent: intent } = error;
      expect(intent).toMatchObject({
        status: 'requires_payment_method',
        payment_method: null,
        last_payment_error: { code: card.onCharge?.code },
      });
      const charge = await stripe.charges.retrieve(idIn(intent?.latest_charge));
      expect(charge).toMatchObject({
        status: 'failed',
        paid: false,
        failure_code: card.onCharge?.code,
      });
    },
  );

  it('after a decline another method can pay the same intent', async () => {
    const intent = await stripe.paymentIntents.create({
      amount: 900,
      currency: 'usd',
      ...noRedirects,
    });
    expect(intent.status).toBe('requires_payment_method');
    await refusal(
      stripe.paymentIntents.confirm(intent.id, { payment_method: 'pm_card_chargeDeclined' }),
    );
    expect(
      (await stripe.paymentIntents.confirm(intent.id, { payment_method: 'pm_card_visa' })).status,
    ).toBe('succeeded');
    expect(await refusal(stripe.paymentIntents.confirm(intent.id))).toMatchObject({
      code: 'payment_intent_unexpected_state',
      statusCode: 400,
    });
    expect(await refusal(stripe.paymentIntents.cancel(intent.id))).toMatchObject({
      code: 'payment_intent_unexpected_state',
    });
  });

  it('3D Secure waits for the holder, who completes it on a page', async () => {
    const intent = await stripe.paymentIntents.create({
      amount: 2000,
      currency: 'usd',
      payment_method: 'pm_card_authenticationRequired',
      confirm: true,
      return_url: 'https://shop.test/back',
    });
    expect(intent.status).toBe('requires_action');
    const page = intent.next_action?.redirect_to_url?.url ?? '';
    const answer = await postForm(page, { outcome: 'succeed' });
    expect(answer.status).toBe(303);
    expect(answer.location).toContain(`https://shop.test/back?payment_intent=${intent.id}`);
    expect(await stripe.paymentIntents.retrieve(intent.id)).toMatchObject({
      status: 'succeeded',
      next_action: null,
    });
  });

  it('a holder who fails to authenticate has not paid', async () => {
    const intent = await pay('pm_card_threeDSecure2Required');
    expect(intent.next_action?.type).toBe('use_stripe_sdk');
    await stripe.rawRequest('POST', `/_emulator/intents/${intent.id}/authenticate`, {
      outcome: 'fail',
    });
    expect(await stripe.paymentIntents.retrieve(intent.id)).toMatchObject({
      status: 'requires_payment_method',
      last_payment_error: { code: 'payment_intent_authentication_failure' },
    });
  });

  it('off session, a card that must authenticate is declined, unless it was set up', async () => {
    const customer = await newCustomer();
    const always = await refusal(pay('pm_card_authenticationRequired', { off_session: true }));
    expect(always).toMatchObject({
      statusCode: 402,
      code: 'authentication_required',
      decline_code: 'authentication_required',
    });
    const once = await stripe.paymentMethods.attach('pm_card_authenticationRequiredOnSetup', {
      customer: customer.id,
    });
    const early = await refusal(pay(once.id, { customer: customer.id, off_session: true }));
    expect(early.code).toBe('authentication_required');
    const setup = await stripe.setupIntents.create({
      customer: customer.id,
      payment_method: once.id,
      confirm: true,
      ...noRedirects,
    });
    expect(setup.status).toBe('requires_action');
    await stripe.rawRequest('POST', `/_emulator/intents/${setup.id}/authenticate`, {
      outcome: 'succeed',
    });
    expect((await pay(once.id, { customer: customer.id, off_session: true })).status).toBe(
      'succeeded',
    );
    const ready = await pay('pm_card_authenticationRequiredSetupForOffSession', {
      off_session: true,
    });
    expect(ready.status).toBe('succeeded');
  });

  it('held money is captured in part, or let go', async () => {
    const held = await pay('pm_card_visa', { capture_method: 'manual' });
    expect(held).toMatchObject({ status: 'requires_capture', amount_capturable: 2000 });
    const captured = await stripe.paymentIntents.capture(held.id, { amount_to_capture: 1500 });
    expect(captured).toMatchObject({
      status: 'succeeded',
      amount_received: 1500,
      amount_capturable: 0,
    });
    const other = await pay('pm_card_visa', { capture_method: 'manual' });
    const canceled = await stripe.paymentIntents.cancel(other.id, {
      cancellation_reason: 'abandoned',
      expand: ['latest_charge'],
    });
    expect(canceled).toMatchObject({
      status: 'canceled',
      cancellation_reason: 'abandoned',
      latest_charge: { refunded: true },
    });
  });

  it('a bank debit is processing until the bank pays, or does not', async () => {
    const debit = (iban: string) =>
      stripe.paymentIntents.create({
        amount: 1000,
        currency: 'eur',
        confirm: true,
        payment_method_data: {
          type: 'sepa_debit',
          sepa_debit: { iban },
          billing_details: { name: 'Ada', email: 'ada@example.test' },
        },
        ...noRedirects,
      });
    const [good, bad] = [await debit('AT611904300234573201'), await debit('AT861904300235473202')];
    expect([good.status, bad.status]).toEqual(['processing', 'processing']);
    const read = (id: string) => () => stripe.paymentIntents.retrieve(id);
    const settled = (intent: Stripe.PaymentIntent) => intent.status !== 'processing';
    expect((await eventually(read(good.id), settled)).status).toBe('succeeded');
    expect((await eventually(read(bad.id), settled)).status).toBe('requires_payment_method');
    expect(await refusal(debit('AT611904300234573202'))).toMatchObject({
      code: 'invalid_bank_account_iban',
    });
  });

  it('refuses what the current API refuses, and lets unversioned callers use the old parameters', async () => {
    const types = { payment_method_types: ['card'] };
    const current = await refusal(
      stripe.paymentIntents.create({
        amount: 500,
        currency: 'usd',
        ...types,
      }),
    );
    expect(current).toMatchObject({
      statusCode: 400,
      code: 'payment_method_types_no_longer_supported',
    });
    const old = await account.cli('/v1/payment_intents', {
      amount: '500',
      currency: 'usd',
      'payment_method_types[]': 'card',
      confirm: 'true',
      payment_method: 'pm_card_visa',
    });
    expect(old).toMatchObject({
      status: 200,
      body: {
        status: 'succeeded',
        payment_method_types: ['card'],
        automatic_payment_methods: null,
      },
    });
    expect(
      await refusal(stripe.paymentIntents.create({ amount: 49, currency: 'usd' })),
    ).toMatchObject({ code: 'amount_too_small', param: 'amount' });
    expect(
      (
        await refusal(
          stripe.paymentIntents.create({
            amount: 500,
            currency: 'usd',
            confirm: true,
            payment_method: 'pm_card_visa',
          }),
        )
      ).message,
    ).toContain('return_url');
  });
});

describe('refunds and disputes', () => {
  it('money goes back in parts, and never more than there is', async () => {
    const intent = await pay('pm_card_visa');
    const part = await stripe.refunds.create({
      payment_intent: intent.id,
      amount: 500,
      reason: 'requested_by_customer',
    });
    expect(part).toMatchObject({ status: 'succeeded', amount: 500, charge: intent.latest_charge });
    expect(
      await refusal(stripe.refunds.create({ payment_intent: intent.id, amount: 1600 })),
    ).toMatchObject({ statusCode: 400 });
    await stripe.refunds.create({ payment_intent: intent.id });
    const charge = await stripe.charges.retrieve(idIn(intent.latest_charge), {
      expand: ['refunds'],
    });
    expect(charge).toMatchObject({ refunded: true, amount_refunded: 2000 });
    expect(charge.refunds?.data).toHaveLength(2);
    expect(await refusal(stripe.refunds.create({ payment_intent: intent.id }))).toMatchObject({
      code: 'charge_already_refunded',
    });
  });

  it('a refund can fail after the fact', async () => {
    const intent = await pay('pm_card_refundFail');
    const refund = await stripe.refunds.create({ payment_intent: intent.id });
    expect(refund.status).toBe('succeeded');
    const failed = await eventually(
      () => stripe.refunds.retrieve(refund.id),
      (each) => each.status === 'failed',
    );
    expect(failed.failure_reason).toBe('expired_or_canceled_card');
    expect(await stripe.charges.retrieve(idIn(intent.latest_charge))).toMatchObject({
      refunded: false,
      amount_refunded: 0,
    });
  });

  it('a dispute exists when the payment returns; evidence decides it', async () => {
    const before = (await account.eventTypes()).length;
    const intent = await pay('pm_card_createDispute');
    const [dispute] = (await stripe.disputes.list({ payment_intent: intent.id })).data;
    expect(dispute).toMatchObject({ status: 'needs_response', reason: 'fraudulent', amount: 2000 });
    const won = await stripe.disputes.update(dispute?.id ?? '', {
      evidence: { uncategorized_text: 'winning_evidence' },
    });
    expect(won).toMatchObject({
      status: 'won',
      evidence_details: { submission_count: 1, has_evidence: true },
    });
    expect(await refusal(stripe.disputes.close(won.id))).toMatchObject({ statusCode: 400 });
    const types = (await account.eventTypes()).slice(before);
    expect(types.filter((type) => type.startsWith('charge.dispute'))).toEqual([
      'charge.dispute.created',
      'charge.dispute.funds_withdrawn',
      'charge.dispute.updated',
      'charge.dispute.funds_reinstated',
      'charge.dispute.closed',
    ]);
  });

  it('an inquiry takes no money and closes as a warning', async () => {
    const intent = await pay('pm_card_createDisputeInquiry');
    const [inquiry] = (await stripe.disputes.list({ payment_intent: intent.id })).data;
    expect(inquiry).toMatchObject({ status: 'warning_needs_response', balance_transactions: [] });
    expect((await stripe.disputes.close(inquiry?.id ?? '')).status).toBe('warning_closed');
  });
});

describe('setup intents', () => {
  it('a confirmed setup saves the method to its customer', async () => {
    const customer = await newCustomer();
    const intent = await stripe.setupIntents.create({
      customer: customer.id,
      payment_method: 'pm_card_visa',
      confirm: true,
      ...noRedirects,
    });
    expect(intent).toMatchObject({
      status: 'succeeded',
      usage: 'off_session',
      latest_attempt: expect.stringMatching(/^setatt_/),
    });
    const method = await stripe.paymentMethods.retrieve(idIn(intent.payment_method));
    expect(method.customer).toBe(customer.id);
  });

  it('a declined setup answers 402 with the intent, which can be canceled', async () => {
    const error = await refusal(
      stripe.setupIntents.create({
        payment_method: 'pm_card_chargeDeclined',
        confirm: true,
        ...noRedirects,
      }),
    );
    expect(error).toMatchObject({
      statusCode: 402,
      code: 'card_declined',
      setup_intent: {
        status: 'requires_payment_method',
        last_setup_error: { code: 'card_declined' },
      },
    });
    const canceled = await stripe.setupIntents.cancel(error.setup_intent?.id ?? '', {
      cancellation_reason: 'abandoned',
    });
    expect(canceled.status).toBe('canceled');
    expect(await refusal(stripe.setupIntents.confirm(canceled.id))).toMatchObject({
      code: 'setup_intent_unexpected_state',
    });
  });
});
