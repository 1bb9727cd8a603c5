import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../support/server.ts';
import {
  newPerson,
  PRO,
  PRO_YEARLY,
  refusal,
  STARTER,
  type Person,
} from '../server/billing/person.ts';

const DOWN_NOW = { ...STARTER, when: 'now' };

describe('Credit is given for time that was paid, and kept', { timeout: 90_000 }, () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ database: 'sqlite', env: { TRIAL_DAYS: '0' } });
  });
  afterAll(() => server.close());

  const priceOf = (name: string) => String(server.env[`STRIPE_${name}_PRICE_ID`]);

  /** A known customer, whose subscription an operator makes in the Dashboard. */
  async function known(): Promise<{ person: Person; customer: string }> {
    const person = newPerson(server);
    await person.subscribe(STARTER);
    await person.command('cancel', { when: 'now' });
    return { person, customer: await person.customerId() };
  }

  async function refused(person: Person, balance = 0): Promise<void> {
    expect(refusal(await person.command('preview', DOWN_NOW))).toEqual([409, 'not_allowed']);
    const prorationDate = new Date(server.services.clock.now()).toISOString();
    const change = await person.command('change', { ...DOWN_NOW, prorationDate });
    expect(change.status).toBe(409);
    expect((await person.get('credit')).json['balance']).toBe(balance);
  }

  async function possibleLater(person: Person): Promise<void> {
    // With the next period it is possible, and gives nothing back.
    const later = await person.changeTo(STARTER);
    expect([later.quote.effective, later.answer.status]).toEqual(['period_end', 202]);
  }

  it('M-4: none for a year that was sent as an invoice and is not paid', async () => {
    const { person, customer } = await known();
    await server.stripe.subscriptions.create({
      customer,
      items: [{ price: priceOf('PRO_YEARLY') }],
      collection_method: 'send_invoice',
      days_until_due: 30,
    });
    await server.advance(1);
    await refused(person);
    await possibleLater(person);
  });

  it('M-5: none for a year whose bank debit is on its way, or bounced', async () => {
    const { person, customer } = await known();
    const method = await server.stripe.paymentMethods.create({
      type: 'sepa_debit',
      sepa_debit: { iban: 'DE62370400440532013001' },
      billing_details: { name: 'A', email: 'a@example.com' },
    });
    await server.stripe.paymentMethods.attach(method.id, { customer });
    await server.stripe.subscriptions.create({
      customer,
      items: [{ price: priceOf('PRO_YEARLY') }],
      default_payment_method: method.id,
    });
    await server.settled();
    const status = async () => (await person.invoices())[0]?.status;
    expect(await status()).toBe('open');
    await refused(person);
    await server.advance(1);
    expect(await status()).toBe('open');
    await refused(person);
  });

  it('M-7: none for what was refunded', async () => {
    const person = newPerson(server);
    await person.subscribe(PRO_YEARLY);
    await server.advance(1);
    const charges = await server.stripe.charges.list({ customer: await person.customerId() });
    await server.stripe.refunds.create({ charge: String(charges.data[0]?.id) });
    await server.settled();
    await refused(person);
    await possibleLater(person);
  });

  it.each(['refund', 'credit', 'out_of_band'] as const)(
    'M-38: none for what a credit note gave back as %s',
    async (way) => {
      const person = newPerson(server);
      await person.subscribe(PRO_YEARLY);
      const [invoice] = await person.invoices();
      await server.stripe.creditNotes.create({
        invoice: String(invoice?.id),
        amount: 25_000,
        [`${way}_amount`]: 25_000,
      });
      await server.settled();
      // What the note itself gave as credit stays.
      await refused(person, way === 'credit' ? 25_000 : 0);
    },
  );

  it('M-38: none while the bank asks for the money back', async () => {
    const keeping = await startTestServer({
      database: 'sqlite',
      emulator: server.emulator,
      env: { TRIAL_DAYS: '0', ON_DISPUTE: 'keep' },
    });
    const person = newPerson(keeping);
    await person.subscribe(PRO_YEARLY, '4000000000000259');
    const asked = await person.command('preview', DOWN_NOW);
    await keeping.close();
    expect(asked.json['error']).toMatchObject({ code: 'not_allowed', reason: 'period_returned' });
  });

  it('M-33, M-6: none while the renewal is a draft, and none once it was given up', async () => {
    const person = newPerson(server);
    await person.subscribe(PRO);
    await person.useCard('pm_card_chargeCustomerFail');
    const { currentPeriodEnd } = await person.subscription();
    const left = Date.parse(currentPeriodEnd) - server.services.clock.now();
    await server.advance((left + 600_000) / 86_400_000);
    const [draft] = await person.invoices();
    expect(draft).toMatchObject({ status: 'draft', total: 5_000 });
    expect(refusal(await person.command('preview', DOWN_NOW))).toEqual([409, 'not_allowed']);
    await server.advance(1);
    await server.stripe.invoices.markUncollectible(String(draft?.id));
    await server.settled();
    expect(await person.subscription()).toMatchObject({
      state: 'active',
      access: { level: 'none', reason: 'period_unpaid' },
    });
    await refused(person);
  });

  it('M-33: an upgrade in the hour of a draft collects it first, and is refused where it is not paid', async () => {
    const [payer, debtor] = [newPerson(server), newPerson(server)];
    const { currentPeriodEnd } = await payer.subscribe(STARTER);
    await debtor.subscribe(STARTER);
    await debtor.useCard('pm_card_chargeCustomerFail');
    const left = Date.parse(currentPeriodEnd) - server.services.clock.now();
    await server.advance((left + 600_000) / 86_400_000);
    const { quote, answer } = await payer.changeTo(PRO);
    expect([quote.effective, answer.status]).toEqual(['now', 202]);
    const first = "The renewal's invoice of $20.00, which is still a draft, is collected first.";
    expect(quote['losses']).toMatchObject([{ kind: 'debt', message: first }]);
    const bills = async (person: Person) =>
      (await person.invoices()).map(({ status, total }) => `${status} ${total}`);
    expect(await bills(payer)).toEqual([`paid ${quote.amountDue}`, 'paid 2000', 'paid 2000']);
    const refusedChange = (await debtor.changeTo(PRO)).answer;
    expect(refusedChange.json['error']).toMatchObject({
      code: 'not_allowed',
      reason: 'period_unpaid',
    });
    expect(await bills(debtor)).toEqual(['open 2000', 'paid 2000']);
    expect(await debtor.subscription()).toMatchObject({ plan: 'starter' });
  });

  it('is given as before for a period that was paid', async () => {
    const person = newPerson(server);
    await person.subscribe(PRO_YEARLY);
    await server.advance(1);
    const { quote, answer } = await person.changeTo(DOWN_NOW);
    expect(answer.status).toBe(202);
    expect(quote.credit).toBeGreaterThan(49_000);
    expect((await person.get('credit')).json['balance']).toBe(quote.credit - quote.debit);
  });
});
