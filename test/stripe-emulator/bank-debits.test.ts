import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type Stripe from 'stripe';
import { invoiceOf, recurringPrice, traveller } from './clock.ts';
import { emulatedAccount, type EmulatedAccount } from './emulated-account.ts';

describe('a bank debit of a customer on a test clock', () => {
  let account: EmulatedAccount;
  let stripe: Stripe;
  beforeAll(async () => {
    account = await emulatedAccount();
    ({ stripe } = account);
  });
  afterAll(() => account.close());

  async function debit(iban: string) {
    const person = await traveller(stripe, '2026-04-01', null);
    const price = await recurringPrice(stripe, 2_000, { currency: 'eur' });
    const method = await stripe.paymentMethods.create({
      type: 'sepa_debit',
      sepa_debit: { iban },
      billing_details: { name: 'Ada', email: 'ada@example.test' },
    });
    await stripe.paymentMethods.attach(method.id, { customer: person.customer.id });
    const subscription = await stripe.subscriptions.create({
      customer: person.customer.id,
      items: [{ price }],
      default_payment_method: method.id,
      expand: ['latest_invoice'],
    });
    const { id } = invoiceOf(subscription);
    const invoice = () => stripe.invoices.retrieve(id);
    const charge = async () =>
      (await stripe.charges.list({ customer: person.customer.id })).data[0]?.status;
    return { person, invoice, charge };
  }

  it('E-23: settles when the clock is advanced, and not before', async () => {
    const [good, bad] = [
      await debit('DE89370400440532013000'),
      await debit('DE62370400440532013001'),
    ];
    // Longer than the same debit takes in real time.
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect([await good.charge(), await bad.charge()]).toEqual(['pending', 'pending']);
    await good.person.to('2026-04-02');
    await bad.person.to('2026-04-02');
    expect([await good.charge(), await bad.charge()]).toEqual(['succeeded', 'failed']);
    const paid = await good.invoice();
    const start = Date.UTC(2026, 3, 1) / 1000;
    expect([paid.status, paid.status_transitions.paid_at]).toEqual(['paid', start + 2]);
    expect((await bad.invoice()).status).toBe('open');
  });

  it('takes as many days as the settings say', async () => {
    const { key, emulator } = account;
    await fetch(`${emulator.url}/_emulator/settings`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ debitDays: 5 }),
    });
    const { person, charge } = await debit('DE89370400440532013000');
    await person.to('2026-04-05T23:00');
    expect(await charge()).toBe('pending');
    await person.to('2026-04-06T01:00');
    expect(await charge()).toBe('succeeded');
  });
});
