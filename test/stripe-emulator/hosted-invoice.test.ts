import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Stripe } from 'stripe';
import {
  emulatedAccount,
  openPage,
  postForm,
  typedCard,
  type EmulatedAccount,
} from './emulated-account.ts';

let account: EmulatedAccount;
let stripe: Stripe;

beforeAll(async () => {
  account = await emulatedAccount();
  stripe = account.stripe;
});
afterAll(() => account.close());

/** An open invoice of 20 dollars that waits to be paid, and the address of its page. */
async function openInvoice(): Promise<{ id: string; url: string }> {
  const customer = await stripe.customers.create({ name: 'Ada & Co' });
  await stripe.invoiceItems.create({
    customer: customer.id,
    amount: 2000,
    currency: 'usd',
    description: 'Onboarding',
  });
  const invoice = await stripe.invoices.create({
    customer: customer.id,
    collection_method: 'send_invoice',
    days_until_due: 14,
    pending_invoice_items_behavior: 'include',
  });
  const sent = await stripe.invoices.finalizeInvoice(invoice.id);
  return { id: invoice.id, url: sent.hosted_invoice_url ?? '' };
}

const statusOf = async (id: string) => (await stripe.invoices.retrieve(id)).status;

describe('the hosted page of an invoice', () => {
  it('shows what is due and takes a card', async () => {
    const { id, url } = await openInvoice();
    const shown = await openPage(url);
    expect(shown.status).toBe(200);
    expect(shown.text).toContain('$20.00');
    expect(shown.text).toContain('Onboarding');
    expect(shown.text).toContain('Ada &amp; Co');
    const paid = await postForm(url, typedCard('4242 4242 4242 4242'));
    expect(paid.status).toBe(303);
    expect(await statusOf(id)).toBe('paid');
    const after = await openPage(url);
    expect(after.text).toContain('Paid');
    expect(after.text).not.toContain('<form');
  });

  it('says why a card was refused, and what is missing', async () => {
    const { id, url } = await openInvoice();
    const refused = await postForm(url, typedCard('4000 0000 0000 9995'));
    expect(refused).toMatchObject({ status: 402 });
    expect(refused.text).toContain('Your card has insufficient funds.');
    const empty = await postForm(url, {});
    expect(empty.text).toContain('Please type a card number');
    expect(await statusOf(id)).toBe('open');
  });

  it('leads through the bank and back', async () => {
    const { id, url } = await openInvoice();
    const sent = await postForm(url, typedCard('4000 0027 6000 3184'));
    expect(sent.location).toContain('/authenticate/pi_');
    const failed = await postForm(sent.location, { outcome: 'fail' });
    expect(failed.location).toContain(url);
    expect((await openPage(failed.location)).text).toContain('role="alert"');
    const again = await postForm(url, typedCard('4000 0027 6000 3184'));
    const back = await postForm(again.location, { outcome: 'succeed' });
    expect((await openPage(back.location)).text).toContain('Paid');
    expect(await statusOf(id)).toBe('paid');
  });

  it('is known only to who has its address', async () => {
    const { url } = await openInvoice();
    const guessed = url.replace(/(\/i\/[^/]+\/)[^?]+/, '$1guess');
    expect((await openPage(guessed)).status).toBe(404);
    expect((await postForm(guessed, typedCard('4242424242424242'))).status).toBe(404);
  });
});
