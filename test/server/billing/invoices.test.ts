import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEmulator, type RunningEmulator } from '../../../scripts/stripe-emulator/index.ts';
import { ROUTE_DIALECTS } from '../../support/databases.ts';
import { startTestServer, type Answer, type TestServer } from '../../support/server.ts';
import { newPerson, PRO, refusal, STARTER, viewOf, type Person } from './person.ts';

interface Invoice {
  id: string | null;
  status: string;
  url: string | null;
  pdf: string | null;
  total: number;
  [field: string]: unknown;
}
interface Payment {
  invoiceId: string;
  url: string;
}

let emulator: RunningEmulator;
beforeAll(async () => {
  emulator = await startEmulator({ webhookRetrySchedule: [50, 200, 1000] });
});
afterAll(() => emulator.close());

const invoicesOf = (answer: Answer) => answer.json['invoices'] as Invoice[];
const invoiceOf = (answer: Answer) => answer.json['invoice'] as Invoice;
const paymentOf = (answer: Answer) => answer.json['payment'] as Payment;

describe.each(ROUTE_DIALECTS)('Invoices on %s', (dialect) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ database: dialect, emulator, env: { TRIAL_DAYS: '0' } });
  });
  afterAll(() => server.close());

  async function subscriber(choice: object = PRO): Promise<Person> {
    const person = newPerson(server);
    expect(await person.subscribe(choice)).toMatchObject({ state: 'active' });
    return person;
  }
  const mailsAbout = async (objectId: string): Promise<{ kind: string; payload: string }[]> =>
    server.database
      .knex('outbox')
      .where('object_id', 'like', `${objectId}%`)
      .where('kind', 'like', 'mail.%')
      .select('kind', 'payload');

  it('are listed newest first, page by page, and are nobody else’s', async () => {
    const person = await subscriber();
    await server.advance(63);
    const first = await person.get('invoices?limit=2');
    expect(invoicesOf(first)).toMatchObject([
      { reason: 'subscription_cycle', status: 'paid', amountPaid: 5000, currency: 'usd' },
      { reason: 'subscription_cycle', number: expect.any(String) },
    ]);
    const rest = await person.get(`invoices?limit=2&cursor=${String(first.json['nextCursor'])}`);
    expect(invoicesOf(rest)).toMatchObject([{ reason: 'subscription_create' }]);
    expect(rest.json['nextCursor']).toBeNull();
    const [mine] = invoicesOf(first);
    expect((await person.get(`invoices/${mine?.id}`)).json).toMatchObject({
      invoice: { id: mine?.id, lines: [{ amount: 5000 }] },
      payment: null,
    });
    const pdf = await server.call('GET', String(mine?.pdf), { user: person.id });
    expect(pdf.status).toBe(302);
    const file = await fetch(String(pdf.headers.get('location')));
    expect(file.headers.get('content-type')).toBe('application/pdf');

    const other = await subscriber(STARTER);
    const nobody = newPerson(server);
    for (const stranger of [other, nobody]) {
      const tries = [
        await stranger.get(`invoices/${mine?.id}`),
        await stranger.get(`invoices/${mine?.id}/pdf`),
        await stranger.post(`invoices/${mine?.id}/pay`),
      ];
      expect(tries.map(refusal)).toEqual(tries.map(() => [404, 'not_found']));
    }
    expect((await nobody.get('invoices')).json).toEqual({ invoices: [], nextCursor: null });
    expect(refusal(await person.get('invoices?limit=0'))).toEqual([400, 'invalid_request']);
    expect((await other.get(`invoices?cursor=${mine?.id}`)).status).toBe(404);
  });

  it('of the next renewal tell what it will cost, a downgrade included, or that none comes', async () => {
    const person = await subscriber();
    expect(invoiceOf(await person.get('invoices/upcoming'))).toMatchObject({
      id: null,
      status: 'upcoming',
      total: 5000,
      url: null,
      pdf: null,
    });
    await person.changeTo(STARTER);
    expect(invoiceOf(await person.get('invoices/upcoming'))).toMatchObject({ total: 2000 });
    await person.command('cancel');
    expect((await person.get('invoices/upcoming')).json).toEqual({ invoice: null });
    // Back to the waiting downgrade, and then to the plan as it was.
    await person.command('resume');
    expect(invoiceOf(await person.get('invoices/upcoming'))).toMatchObject({ total: 2000 });
    await person.command('resume');
    expect((await person.command('pause')).status).toBe(200);
    expect((await person.get('invoices/upcoming')).json).toEqual({ invoice: null });
    expect((await newPerson(server).get('invoices/upcoming')).json).toEqual({ invoice: null });
  });

  it('that failed are paid with another card, once, and the card is kept for the renewals', async () => {
    const person = await subscriber();
    await person.useCard('pm_card_chargeCustomerFail');
    await server.advance(31.2);
    const view = await person.subscription();
    expect(view).toMatchObject({ state: 'past_due', unpaidInvoiceId: expect.any(String) });
    const id = String(view['unpaidInvoiceId']);
    expect((await person.get(`invoices/${id}`)).json).toMatchObject({
      payment: { status: 'failed', amountDue: 5000, url: expect.stringMatching(/^http/) },
    });
    const declined = await person.post(`invoices/${id}/pay`);
    expect(refusal(declined)).toEqual([402, 'card_declined']);
    const customer = await person.customerId();
    const good = await server.stripe.paymentMethods.attach('pm_card_mastercard', { customer });
    const pay = () => person.post(`invoices/${id}/pay`, { paymentMethod: good.id });
    const answers = await Promise.all([pay(), pay(), pay()]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(invoiceOf(answers[0])).toMatchObject({ status: 'paid', amountPaid: 5000 });
    expect(await person.subscription()).toMatchObject({ state: 'active', unpaidInvoiceId: null });
    expect((await person.atStripe()).default_payment_method).toBe(good.id);
    const charges = await server.stripe.charges.list({ customer, limit: 100 });
    expect(
      charges.data.filter(({ paid, payment_method }) => paid && payment_method === good.id),
    ).toHaveLength(1);
    expect(
      refusal(await person.post(`invoices/${id}/pay`, { paymentMethod: 'pm_nobody' })),
    ).toEqual([200, undefined]);
    const foreign = await subscriber();
    const theirs = await foreign.useCard('pm_card_visa');
    await person.useCard('pm_card_chargeCustomerFail');
    await server.advance(31.2);
    const next = String((await person.subscription())['unpaidInvoiceId']);
    const stolen = await person.post(`invoices/${next}/pay`, { paymentMethod: theirs });
    expect(refusal(stolen)).toEqual([404, 'not_found']);
  });

  it('that the bank wants to see the customer for give a link, in the API and by mail', async () => {
    const person = await subscriber();
    await person.useCard('pm_card_authenticationRequired');
    await server.advance(31.2);
    const view = await person.subscription();
    expect(view).toMatchObject({ state: 'past_due' });
    const id = String(view['unpaidInvoiceId']);
    const shown = await person.get(`invoices/${id}`);
    expect(paymentOf(shown)).toMatchObject({ status: 'requires_action', invoiceId: id });
    const { url } = paymentOf(shown);
    expect(url).toBe(invoiceOf(shown).url);
    expect((await fetch(url)).status).toBe(200);
    const mails = await mailsAbout(id);
    const mail = mails.find(({ kind }) => kind === 'mail.action_required');
    expect(mail?.payload).toContain(url);
    const asked = await person.post(`invoices/${id}/pay`);
    expect([asked.status, paymentOf(asked)]).toEqual([200, expect.objectContaining({ url })]);
  });

  it('show what credit notes took back', async () => {
    const person = await subscriber();
    const [paid] = await person.invoices();
    await server.stripe.creditNotes.create({
      invoice: String(paid?.id),
      amount: 1200,
      credit_amount: 1200,
    });
    expect(invoicesOf(await person.get('invoices'))).toMatchObject([{ credited: 1200 }]);
    const credit = await person.get('credit');
    expect(credit.json).toMatchObject({
      balance: 1200,
      currency: 'usd',
      entries: [{ amount: 1200, balance: 1200, type: 'credit_note' }],
      nextCursor: null,
    });
    await server.advance(31.2);
    expect((await person.invoices())[0]).toMatchObject({ total: 5000, amount_paid: 3800 });
    expect((await person.get('credit')).json).toMatchObject({
      balance: 0,
      entries: [{ amount: -1200, type: 'applied_to_invoice' }, { amount: 1200 }],
    });
    expect((await newPerson(server).get('credit')).json).toEqual({
      balance: 0,
      currency: null,
      entries: [],
      nextCursor: null,
      prepaid: [],
    });
  });

  describe('One-off', () => {
    const items = [
      { description: 'Setup', amount: 4000, currency: 'usd' },
      { description: 'Hours', amount: 500, currency: 'usd', quantity: 3 },
    ];
    const oneOff = (person: Person, rest: object, key?: string) =>
      person.asAdmin(
        'invoices',
        { userId: person.id, items, collection: 'charge', ...rest },
        key === undefined ? {} : { 'idempotency-key': key },
      );

    it('invoices are charged to the saved card at once', async () => {
      const person = await subscriber();
      const made = await oneOff(person, {});
      expect(made.status, made.text).toBe(200);
      expect(invoiceOf(made)).toMatchObject({
        status: 'paid',
        reason: 'manual',
        total: 5500,
        lines: expect.arrayContaining([expect.objectContaining({ amount: 1500 })]),
      });
      expect(made.json['payment']).toBeNull();
    });

    it('invoices are sent with thirty days to pay', async () => {
      const person = await subscriber();
      const made = await oneOff(person, { collection: 'send' });
      const { dueAt, createdAt } = invoiceOf(made);
      expect(invoiceOf(made)).toMatchObject({ status: 'open', total: 5500 });
      expect(Date.parse(String(dueAt)) - Date.parse(String(createdAt))).toBe(30 * 86_400_000);
    });

    it('invoices in yen stay whole numbers of yen', async () => {
      const person = newPerson(server);
      await person.post('checkout', PRO);
      const yen = [{ description: '手数料', amount: 980, currency: 'jpy', quantity: 3 }];
      const made = await oneOff(person, { items: yen, collection: 'send' });
      expect(invoiceOf(made)).toMatchObject({ total: 2940, currency: 'jpy' });
    });

    it('invoices whose charge fails stay open, and the answer says where to pay', async () => {
      const person = await subscriber();
      await person.useCard('pm_card_chargeCustomerFail');
      const made = await oneOff(person, {});
      expect(invoiceOf(made)).toMatchObject({ status: 'open', amountPaid: 0 });
      expect(paymentOf(made)).toMatchObject({ status: 'failed', amountDue: 5500 });
      const good = await person.useCard('pm_card_visa');
      const { invoiceId } = paymentOf(made);
      const paid = await person.post(`invoices/${invoiceId}/pay`, { paymentMethod: good });
      expect(invoiceOf(paid)).toMatchObject({ status: 'paid' });
    });

    it('invoices asked for twice under one key are one', async () => {
      const person = await subscriber();
      const twice = await Promise.all(['k', 'k'].map((key) => oneOff(person, {}, key + person.id)));
      expect(invoiceOf(twice[0]!).id).toBe(invoiceOf(twice[1]!).id);
      expect((await person.invoices()).map(({ total }) => total)).toEqual([5500, 5000]);
    });

    it('invoices are refused without the admin token, a customer, or one currency', async () => {
      const person = await subscriber();
      const body = { userId: person.id, items, collection: 'charge' };
      expect(refusal(await person.post('invoices', body))).toEqual([401, 'unauthenticated']);
      expect(refusal(await oneOff(newPerson(server), {}))).toEqual([409, 'no_billing_account']);
      const mixed = [...items, { description: 'Yen', amount: 1, currency: 'jpy' }];
      expect(refusal(await oneOff(person, { items: mixed }))).toEqual([400, 'invalid_request']);
      const unknown = [{ description: 'Shells', amount: 1, currency: 'see' }];
      expect(refusal(await oneOff(person, { items: unknown }))).toEqual([400, 'invalid_request']);
      const fraction = [{ description: 'Half', amount: 0.5, currency: 'usd' }];
      expect(refusal(await oneOff(person, { items: fraction }))).toEqual([400, 'invalid_request']);
    });
  });

  it('of a change are paid by its link: the change then happens', async () => {
    const person = await subscriber(STARTER);
    await person.useCard('pm_card_chargeCustomerFail');
    const { answer } = await person.changeTo(PRO);
    expect(viewOf(answer)['unpaidInvoiceId']).toBe(paymentOf(answer).invoiceId);
    const good = await person.useCard('pm_card_visa');
    const { invoiceId } = paymentOf(answer);
    await person.post(`invoices/${invoiceId}/pay`, { paymentMethod: good });
    expect(await person.subscription()).toMatchObject({ plan: 'pro', pendingChange: null });
  });
});
