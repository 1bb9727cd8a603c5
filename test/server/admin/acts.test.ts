import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEmulator, type RunningEmulator } from '../../../scripts/stripe-emulator/index.ts';
import { listAudit } from '../../../db/audit-log.ts';
import { findCommands } from '../../../db/commands.ts';
import { commandIn } from '../../../state/history/actor.ts';
import { ownerMark } from '../../../state/ownership.ts';
import { startTestServer, type Answer, type TestServer } from '../../support/server.ts';
import { createOtherProgram } from '../accounts/other-program.ts';
import { newPerson, PRO, refusal, STARTER, viewOf, type Person } from '../billing/person.ts';

const TOKEN = 'the-token-of-sam';

let emulator: RunningEmulator;
let server: TestServer;
beforeAll(async () => {
  emulator = await startEmulator({ webhookRetrySchedule: [50, 200, 1000] });
  const hash = createHash('sha256').update(TOKEN).digest('hex');
  const env = { ADMIN_TOKENS: `sam:support:${hash}` };
  server = await startTestServer({ database: 'sqlite', emulator, env });
});
afterAll(async () => {
  await server.close();
  await emulator.close();
});

function actFor(person: Pick<Person, 'id'>) {
  return (path: string, body: object = {}, headers: Record<string, string> = {}): Promise<Answer> =>
    server.call('POST', `/admin/api/accounts/${person.id}/${path}`, {
      body,
      headers: { authorization: `Bearer ${TOKEN}`, ...headers },
    });
}

/** Has a paid month. */
async function payer(choice: object = PRO): Promise<Person> {
  const person = newPerson(server);
  await person.subscribe(choice);
  const act = actFor(person);
  expect((await act('subscription/trial', { endsAt: null })).status).toBe(200);
  await server.settled();
  return person;
}

const chargesOf = async (person: Person) =>
  (await server.stripe.charges.list({ customer: await person.customerId() })).data;

describe('R-9: acts of operators', () => {
  it('leave alone what another program sells to the same customer', async () => {
    const person = await payer();
    const customer = await person.customerId();
    const other = await createOtherProgram(server);
    const { id: method } = await server.stripe.paymentMethods.attach('pm_card_visa', { customer });
    const theirs = { customer, default_payment_method: method };
    const { subscriptionId } = await other.subscriber(theirs);
    await server.settled();
    const [bill] = (await server.stripe.invoices.list({ subscription: subscriptionId })).data;
    const sold = await server.stripe.invoices.create({
      customer,
      collection_method: 'send_invoice',
      days_until_due: 30,
    });
    await server.stripe.invoiceItems.create({
      customer,
      invoice: sold.id,
      amount: 500,
      currency: 'usd',
    });
    await server.stripe.invoices.finalizeInvoice(sold.id);
    const act = actFor(person);
    const tries = [
      await act('refunds', { payment: bill?.id }),
      await act(`invoices/${sold.id}/void`),
      await act(`invoices/${sold.id}/uncollectible`),
      await act(`invoices/${sold.id}/send`),
    ];
    expect(tries.map(refusal)).toEqual(tries.map(() => [409, 'not_allowed']));
    expect((await server.stripe.invoices.retrieve(sold.id)).status).toBe('open');
    expect((await server.stripe.refunds.list({ limit: 1 })).data).toEqual([]);
  });

  it('move a trial: later, and to its end', async () => {
    const person = newPerson(server);
    const before = await person.subscribe();
    const act = actFor(person);
    const later = new Date(Date.parse(String(before.trialEnd)) + 7 * 86_400_000).toISOString();
    expect(viewOf(await act('subscription/trial', { endsAt: later })).trialEnd).toBe(later);
    const past = { endsAt: '2001-01-01T00:00:00Z' };
    expect((await act('subscription/trial', past)).status).toBe(400);
    expect(viewOf(await act('subscription/trial', { endsAt: null })).state).toBe('active');
    expect(refusal(await act('subscription/trial', { endsAt: null }))).toEqual([
      409,
      'not_allowed',
    ]);
  });

  it('are the customer’s own commands: cancel, undo, change at the price of a preview, pause, resume', async () => {
    const person = await payer(STARTER);
    const act = actFor(person);
    const canceled = await act('subscription/cancel', { when: 'period_end', comment: 'by phone' });
    expect(viewOf(canceled).state).toBe('cancel_pending');
    expect(viewOf(await act('subscription/resume')).state).toBe('active');
    const quote = await act('subscription/preview', PRO);
    expect(quote.json).toMatchObject({ kind: 'upgrade', amountDue: expect.any(Number) });
    expect(refusal(await act('subscription/change', PRO))).toEqual([400, 'invalid_request']);
    const { prorationDate } = quote.json;
    const changed = await act('subscription/change', { ...PRO, prorationDate });
    expect(viewOf(changed).plan).toBe('pro');
    expect((await person.invoices())[0]!.amount_paid).toBe(quote.json['amountDue']);
    expect(viewOf(await act('subscription/pause')).state).toBe('paused');
    expect(refusal(await act('subscription/pause'))).toEqual([409, 'not_allowed']);
    const confirmed = async (command: string, body: object = {}) => {
      const shown = await act('subscription/preview', { ...body, command });
      const { amountDue, currency } = shown.json;
      return act(`subscription/${command}`, { ...body, confirm: { amountDue, currency } });
    };
    expect(viewOf(await confirmed('resume')).state).toBe('active');
    expect(viewOf(await act('subscription/cancel', { when: 'now' })).state).toBe('canceled');
    expect(viewOf(await confirmed('reactivate', PRO)).state).toBe('active');
  });

  it('are in the history and in the audit log with the operator’s name', async () => {
    const person = await payer();
    await actFor(person)('subscription/cancel', { when: 'now' });
    await server.settled();
    const line = await server.database
      .knex('transitions')
      .where({ subscription_id: (await person.subscription()).id, to_state: 'canceled' })
      .first();
    expect(line).toMatchObject({ actor: 'operator:sam' });
    const rows = await listAudit(server.database.knex, { target: person.id, limit: 10 });
    expect(rows).toMatchObject([
      { actor: 'operator:sam', action: 'account.cancel', detail: { when: 'now' } },
      { actor: 'operator:sam', action: 'account.trial', requestId: expect.any(String) },
    ]);
  });

  it('P-3: an invoice, a refund and a code are told with the operator’s name and request', async () => {
    const person = await payer();
    const act = actFor(person);
    const [charge] = await chargesOf(person);
    const code = { code: 'THANKS15', percentOff: 15, duration: 'once' };
    expect((await person.asAdmin('promotion-codes', code)).status).toBe(201);
    const items = [{ description: 'Training', amount: 900, currency: 'usd' }];
    const invoiced = await server.call('POST', '/api/billing/invoices', {
      body: { userId: person.id, items, collection: 'send' },
      headers: { authorization: `Bearer ${TOKEN}` },
    });
    const answers = {
      'invoice.created': invoiced,
      'charge.refunded': await act('refunds', { payment: charge!.id }),
      'customer.subscription.updated': await act('subscription/discount', {
        promotionCode: 'THANKS15',
      }),
    };
    await server.settled();
    const requests: unknown[] = [];
    for (const [type, { status, text }] of Object.entries(answers)) {
      expect(status, text).toBeLessThan(300);
      // A refund has one key for all tries of it, so that money goes back once: its event names no command.
      if (type === 'charge.refunded') continue;
      const [event] = (await server.stripe.events.list({ type, limit: 1 })).data;
      const command = commandIn(event?.request?.idempotency_key ?? null);
      const [known] = await findCommands(server.database.knex, [command ?? '']);
      expect(known, type).toMatchObject({ actor: 'operator:sam' });
      requests.push(known?.requestId);
    }
    const rows = await listAudit(server.database.knex, { limit: 3 });
    expect(rows.map(({ actor, action }) => [actor, action])).toEqual([
      ['operator:sam', 'account.discount'],
      ['operator:sam', 'account.refund'],
      ['operator:sam', 'POST /api/billing/invoices'],
    ]);
    const [applied, refunded, made] = rows.map(({ requestId }) => requestId);
    expect([made, applied]).toEqual(requests);
    expect(refunded).toMatch(/^req_/);
  });

  it('refund a part, then the rest, and never more than was paid', async () => {
    const person = await payer();
    const act = actFor(person);
    const [invoice] = await person.invoices();
    const [charge] = await chargesOf(person);
    const total = charge!.amount;
    const part = await act('refunds', { payment: invoice!.id, amount: 1000, reason: 'duplicate' });
    expect(part.json).toMatchObject({ amount: 1000, chargeId: charge!.id, left: total - 1000 });
    const stale = await act('refunds', { payment: charge!.id, refunded: 0 });
    expect(refusal(stale)).toEqual([409, 'not_allowed']);
    expect(stale.text).toContain('Meanwhile $10.00');
    const more = await act('refunds', { payment: charge!.id, amount: total });
    expect(more.text).toContain('is left to refund');
    const rest = await act('refunds', { payment: charge!.payment_intent });
    expect(rest.json).toMatchObject({ amount: total - 1000, left: 0 });
    expect(refusal(await act('refunds', { payment: charge!.id }))).toEqual([409, 'not_allowed']);
    const { data } = await server.stripe.refunds.list({ charge: charge!.id });
    expect(data.map(({ amount }) => amount)).toEqual([total - 1000, 1000]);
  });

  it('act once for a double click: refund, credit, note', async () => {
    const person = await payer();
    const act = actFor(person);
    const [charge] = await chargesOf(person);
    const twice = async (path: string, body: object) => {
      const headers = { 'idempotency-key': `double-${person.id}-${path}` };
      const answers = await Promise.all([act(path, body, headers), act(path, body, headers)]);
      expect(answers[0].text).toBe(answers[1].text);
      expect(answers[0].status).toBeLessThan(300);
    };
    await twice('refunds', { payment: charge!.id, amount: 700 });
    await twice('credit', { amount: 300, currency: 'usd', description: 'Sorry' });
    await twice('notes', { text: 'Called about a double charge' });
    expect((await server.stripe.charges.retrieve(charge!.id)).amount_refunded).toBe(700);
    const customer = await server.stripe.customers.retrieve(await person.customerId());
    expect(customer).toMatchObject({ balance: -300 });
    const notes = await server.database.knex('account_notes').where({ account_id: person.id });
    expect(notes).toMatchObject([{ author: 'operator:sam', text: 'Called about a double charge' }]);
  });

  it('touch nothing of another account', async () => {
    const [one, other] = [await payer(), await payer()];
    const act = actFor(one);
    const [charge] = await chargesOf(other);
    const [invoice] = await other.invoices();
    expect((await act('refunds', { payment: charge!.id })).status).toBe(404);
    expect((await act('refunds', { payment: invoice!.id })).status).toBe(404);
    for (const path of ['void', 'uncollectible', 'send', 'pay']) {
      expect((await act(`invoices/${invoice!.id}/${path}`)).status, path).toBe(404);
    }
    expect((await actFor({ id: 'unknown_account' })('notes', { text: 'x' })).status).toBe(404);
    expect((await server.stripe.charges.retrieve(charge!.id)).amount_refunded).toBe(0);
  });

  it('settle an invoice: retry, mail, write off, void; what Stripe refuses is said in words', async () => {
    const person = await payer();
    const act = actFor(person);
    await person.useCard('pm_card_chargeCustomerFail');
    const customer = await person.customerId();
    const metadata = ownerMark(person.id, server.services.config.ownership);
    const made = await server.stripe.invoices.create({ customer, auto_advance: false, metadata });
    await server.stripe.invoiceItems.create({ customer, invoice: made.id, amount: 500 });
    await server.stripe.invoices.finalizeInvoice(made.id);
    const path = (name: string) => `invoices/${made.id}/${name}`;
    expect(refusal(await act(path('pay')))).toEqual([402, 'card_declined']);
    const sent = await act(path('send'));
    expect(refusal(sent)).toEqual([409, 'not_allowed']);
    expect(sent.text).toContain('send_invoice');
    const written = await act(path('uncollectible'));
    expect(written.json).toMatchObject({ invoice: { status: 'uncollectible' } });
    expect((await act(path('void'))).json).toMatchObject({ invoice: { status: 'void' } });
    const again = await act(path('void'));
    expect(refusal(again)).toEqual([409, 'not_allowed']);
    expect(again.text).toContain('Stripe refused it: ');
  });

  it('apply a code, and open the portal for the customer', async () => {
    const person = await payer();
    const act = actFor(person);
    const coupon = { code: 'SORRY10', percentOff: 10, duration: 'once' };
    expect((await person.asAdmin('promotion-codes', coupon)).status).toBe(201);
    expect((await act('subscription/discount', { promotionCode: 'SORRY10' })).status).toBe(200);
    const wrong = await act('subscription/discount', { promotionCode: 'NOSUCH' });
    expect(refusal(wrong)).toEqual([400, 'unknown_promotion_code']);
    expect((await act('portal')).json['url']).toMatch(/^http/);
  });
});
