import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listMails, type MailRow } from '../../../db/mails.ts';
import { createLoginLink } from '../../../server/admin/pages/session.ts';
import { startTestServer, until, type TestServer } from '../../support/server.ts';
import { newPerson, PRO, PRO_YEARLY, STARTER, type Person } from '../billing/person.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({
    database: 'sqlite',
    env: { TRIAL_DAYS: '0', MAIL_LOCALE: 'fr', SHOP_NAME: 'Northwind' },
    engine: { renewalsEvery: 100 },
  });
}, 120_000);
afterAll(() => server.close());

const mailsTo = async (person: Person): Promise<MailRow[]> => {
  const all = await listMails(server.database.knex, { accountId: person.id, limit: 100 });
  return all.filter(({ status, lastError }) => status === 'delivered' && lastError === null);
};
const kindsTo = async (person: Person) => (await mailsTo(person)).map(({ kind }) => kind);

/** A mail of the kind, once it is sent. */
async function mailTo(person: Person, kind: string): Promise<MailRow> {
  const find = async () => (await mailsTo(person)).find((each) => each.kind === kind);
  await until(async () => (await find()) !== undefined);
  return (await find())!;
}

/** At Stripe, as a person who signs in with an address and a language. */
async function customer(locale: string | null): Promise<Person> {
  const person = newPerson(server);
  await person.subscribe(STARTER);
  await server.stripe.customers.update(await person.customerId(), {
    email: `${person.id}@example.com`,
    ...(locale !== null && { preferred_locales: [locale] }),
  });
  await server.settled();
  return person;
}

describe('What a customer decides is confirmed to them, once', () => {
  it('a change of plan, in the customer’s language, with the next amount', async () => {
    const person = await customer('de-AT');
    await person.changeTo(PRO);
    const { sent } = await mailTo(person, 'mail.plan_changed');
    expect(sent?.subject).toBe('Ihr Tarif ist jetzt Pro');
    expect(sent?.text).toMatch(/fällig: 50,00\u00a0\$\./);
    expect(sent?.html).toContain('lang="de"');
    expect(sent?.html).toContain('Northwind');
  }, 60_000);

  it('a cancellation with its day, in the language of the deployment; not one that was undone', async () => {
    const person = await customer(null);
    await person.command('cancel');
    const { sent } = await mailTo(person, 'mail.cancel_scheduled');
    expect(sent?.subject).toMatch(/^Votre abonnement prend fin le \d/);
    await person.command('resume');
    await server.settled();
    const told = await kindsTo(person);
    expect(told.filter((kind) => kind === 'mail.cancel_scheduled')).toHaveLength(1);
    expect(told).not.toContain('mail.plan_changed');
  }, 60_000);
});

describe('Before a renewal', () => {
  it('a yearly plan gets one notice with day and amount, and a card that will have expired is named', async () => {
    const person = newPerson(server);
    await person.subscribe(PRO_YEARLY);
    const customerId = await person.customerId();
    await server.stripe.customers.update(customerId, { email: 'yearly@example.com' });
    const end = (await person.subscription()).currentPeriodEnd;
    const [year = 0, month = 0] = end.split('-').map(Number);
    const before = new Date(Date.UTC(year, month - 2, 1));
    const method = await server.stripe.paymentMethods.create({
      type: 'card',
      card: {
        number: '4242424242424242',
        exp_month: before.getUTCMonth() + 1,
        exp_year: before.getUTCFullYear(),
        cvc: '123',
      },
    });
    await server.stripe.paymentMethods.attach(method.id, { customer: customerId });
    const { id } = await person.subscription();
    await server.stripe.subscriptions.update(id, { default_payment_method: method.id });
    await server.settled();
    expect(await kindsTo(person)).not.toContain('mail.renewal_notice');

    const days = (Date.parse(end) - server.services.clock.now()) / 86_400_000;
    const steps = Array.from({ length: 5 }, () => Math.floor((days - 10) / 5));
    for (const step of steps) await server.advance(step);
    const { sent } = await mailTo(person, 'mail.renewal_notice');
    expect(sent?.text).toContain('500,00\u00a0$US');
    expect((await mailTo(person, 'mail.card_expiring')).sent?.subject).toContain('4242');
    await server.advance(2);
    const told = await kindsTo(person);
    expect(told.filter((kind) => kind === 'mail.renewal_notice')).toHaveLength(1);
    expect(told.filter((kind) => kind === 'mail.card_expiring')).toHaveLength(1);
  }, 90_000);
});

describe('A mail on the dashboard', () => {
  it('is shown as HTML in a frame that can do nothing, under a policy of its own', async () => {
    const person = await customer(null);
    await person.command('cancel');
    const { id } = await mailTo(person, 'mail.cancel_scheduled');
    const link = createLoginLink(server.services) ?? '';
    const signedIn = await fetch(link, { redirect: 'manual' });
    const cookie = signedIn.headers.get('set-cookie')?.split(';')[0] ?? '';
    const get = (path: string) => fetch(`${server.url}${path}`, { headers: { cookie } });
    const page = await get(`/admin/mails/${id}`);
    const policy = page.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("frame-src 'self'");
    expect(policy).toContain("style-src 'self'");
    expect(await page.text()).toMatch(/<iframe[^>]*src="\/admin\/mails\/\d+\/html"\s+sandbox/);
    const mail = await get(`/admin/mails/${id}/html`);
    expect(mail.headers.get('content-security-policy')).toMatch(/default-src 'none';.*sandbox;/);
    expect(await mail.text()).toContain('Votre abonnement prend fin');
    const stranger = await fetch(`${server.url}/admin/mails/${id}/html`, { redirect: 'manual' });
    expect(stranger.status).toBe(303);
  }, 60_000);
});
