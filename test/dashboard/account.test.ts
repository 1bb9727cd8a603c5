import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listAudit } from '../../db/audit-log.ts';
import { ownerMark } from '../../state/ownership.ts';
import { newPerson, PRO, type Person } from '../server/billing/person.ts';
import { startTestServer, until, type TestServer } from '../support/server.ts';
import { openAs, OPERATORS, type OperatorBrowser } from './operator.ts';
import { overflow, picture, problemsInBothSchemes } from './pages.ts';

let server: TestServer;
let sam: OperatorBrowser;
beforeAll(async () => {
  server = await startTestServer({ database: 'sqlite', env: OPERATORS });
  // Without JavaScript: plain forms are enough for everything.
  sam = await openAs(server, 'sam', { javaScript: false });
}, 90_000);
afterAll(async () => {
  await sam.close();
  await server.close();
});

/** Has a paid month. */
async function payer(choice: object = PRO): Promise<Person> {
  const person = newPerson(server);
  const { id } = await person.subscribe(choice);
  await server.stripe.subscriptions.update(id, { trial_end: 'now' });
  await server.settled();
  return person;
}

/** A second charge for the same month, as a mistake of the seller's own program makes it. */
async function chargeTwice(person: Person): Promise<string> {
  const customer = await person.customerId();
  const metadata = ownerMark(person.id, server.services.config.ownership);
  const made = await server.stripe.invoices.create({ customer, auto_advance: false, metadata });
  await server.stripe.invoiceItems.create({
    customer,
    invoice: made.id,
    amount: 5000,
    currency: 'usd',
    description: 'Pro, once more',
  });
  await server.stripe.invoices.finalizeInvoice(made.id);
  const { data } = await server.stripe.paymentMethods.list({ customer });
  await server.stripe.invoices.pay(made.id, { payment_method: data[0]?.id ?? '' });
  await server.settled();
  return (await server.stripe.invoices.retrieve(made.id)).number ?? '';
}

const accountUrl = (person: Person) => `${server.url}/admin/accounts/${person.id}`;
const text = async () => (await sam.page.locator('main').textContent()) ?? '';
const click = (name: string | RegExp) => sam.page.getByRole('button', { name }).first().click();
const follow = (name: string | RegExp) =>
  sam.page
    .getByRole('link', { name, exact: typeof name === 'string' })
    .first()
    .click();

/** Fills the form of an act, and goes through its confirmation; answers what that showed. */
async function act(fields: Record<string, string>, button: string): Promise<string> {
  for (const [label, value] of Object.entries(fields)) {
    const field = sam.page.getByLabel(label, { exact: true });
    const isChoice = (await field.and(sam.page.locator('select')).count()) === 1;
    await (isChoice ? field.selectOption(value) : field.fill(value));
  }
  await click('Show what it does');
  await sam.page.locator('main .total').waitFor();
  const shown = await text();
  await click(button);
  await sam.page.locator('main [role="status"]').first().waitFor();
  return shown;
}

describe('An operator with nothing but the pages', () => {
  it('answers “I was charged twice, please refund one and give me a week”, and the audit says who', async () => {
    const { page } = sam;
    const person = await payer();
    const number = await chargeTwice(person);
    const customer = await person.customerId();

    // Found by the number that the customer wrote.
    await page.goto(`${server.url}/admin/metrics`);
    await page.locator('#search').fill(number);
    await page.locator('#search').press('Enter');
    await page.waitForURL(/\/admin\/accounts\/user_\d+\?money=1$/);
    expect(await text()).toContain('Pro, once more');

    // One is refunded.
    await follow(`Refund ${number}`);
    const refund = await act({ Reason: 'duplicate' }, 'Refund');
    expect(refund).toContain('$50.00 goes back to the customer');
    expect(refund).toContain('Access stays as it is');
    expect(await text()).toContain('The refund is made');
    await server.settled();
    const { data } = await server.stripe.refunds.list({ limit: 5 });
    expect(data).toMatchObject([{ amount: 5000, reason: 'duplicate' }]);

    // A week.
    await follow('Grant');
    const grant = await act({ Plan: 'pro', Days: '7', Reason: 'Charged twice' }, 'Grant it');
    expect(grant).toMatch(/pro until \d{4}-\d\d-\d\d/);
    const [given] = await server.database.knex('grants').where({ account_id: person.id });
    expect(given.ends_at - given.created_at).toBe(7 * 86_400_000);

    // Noted.
    await page.getByLabel('For other operators').fill('Charged twice; refunded one');
    await click('Save the note');
    await page.locator('main [role="status"]').waitFor();
    expect(await text()).toContain('Charged twice; refunded one');

    // The mail about it goes out again.
    await until(async () => {
      await page.reload();
      return (await page.getByRole('link', { name: /Send again refunded/ }).count()) > 0;
    });
    expect(await text()).toContain('Money that came back');
    await follow(/Send again refunded/);
    await act({}, 'Send it again');
    expect(await text()).toContain('The mail is on its way again.');

    const rows = await listAudit(server.database.knex, { target: person.id, limit: 10 });
    expect(rows.toReversed().map(({ actor, action }) => [actor, action])).toEqual([
      ['operator:sam', 'account.refund'],
      ['operator:sam', 'grants.create'],
      ['operator:sam', 'account.note'],
      ['operator:sam', 'account.mail.resend'],
    ]);
    expect(rows.every(({ requestId }) => requestId !== null)).toBe(true);
    // What the customer has stays: the month that was paid for.
    expect((await person.subscription()).access).toMatchObject({ level: 'full' });
    expect(await server.stripe.customers.retrieve(customer)).toMatchObject({ balance: 0 });
    expect(sam.problems).toEqual([]);
  }, 120_000);

  it('changes a plan at the price that was shown, and says in words what is refused', async () => {
    const { page } = sam;
    const person = await payer({ plan: 'starter', interval: 'monthly' });
    await page.goto(accountUrl(person));
    await follow('Change plan or seats');
    const shown = await act({ Plan: 'pro monthly' }, 'Change at this price');
    const [invoice] = await person.invoices();
    expect(shown).toContain(`$${((invoice?.amount_paid ?? 0) / 100).toFixed(2)} is charged now`);
    expect(shown).toContain('Credit for unused time');
    expect((await person.subscription()).plan).toBe('pro');

    await page.goto(`${accountUrl(person)}/acts/refund?payment=${invoice?.id}&currency=usd`);
    await page.getByLabel('Amount', { exact: true }).fill('4000.00');
    await click('Show what it does');
    await page.locator('main [role="alert"]').waitFor();
    expect(await page.getByRole('alert').textContent()).toMatch(/^Only \$.* is left to refund/);
    await page.goto(`${accountUrl(person)}/acts/invoice-void?invoice=${invoice?.id}`);
    await click('Show what it does');
    await click('Void it');
    await page.locator('main [role="alert"]').waitFor();
    expect(await page.getByRole('alert').textContent()).toContain('Stripe refused it: ');
  }, 60_000);

  it('gives a customer a week more of a trial, credit, a portal link', async () => {
    const { page } = sam;
    const person = newPerson(server);
    const { trialEnd } = await person.subscribe();
    await page.goto(accountUrl(person));
    await follow('Trial');
    const shown = await act({ 'Days more': '7' }, 'Change the trial');
    const later = new Date(Date.parse(String(trialEnd)) + 7 * 86_400_000).toISOString();
    expect(shown).toContain(later.slice(0, 10));
    expect(shown).toContain('$50.00');
    expect((await person.subscription()).trialEnd).toBe(later);

    await follow('Give credit');
    await act({ Amount: '12.50', 'What for': 'Sorry' }, 'Give credit');
    const customer = await server.stripe.customers.retrieve(await person.customerId());
    expect(customer).toMatchObject({ balance: -1250 });
    expect(await text()).toContain('Credit $12.50');

    const coupon = { code: 'SORRY10', percentOff: 10, duration: 'once' };
    expect((await person.asAdmin('promotion-codes', coupon)).status).toBe(201);
    await follow('Promotion code');
    expect(await act({ Code: 'SORRY10' }, 'Apply')).toContain('10% off, once');
    expect((await person.atStripe()).discounts).toHaveLength(1);

    await follow('Portal link');
    await act({}, 'Make a link');
    expect(await page.locator('main a[href^="http"]').count()).toBe(1);
  }, 60_000);

  it('acts once for two clicks', async () => {
    const { page } = sam;
    const person = await payer();
    await page.goto(`${accountUrl(person)}/acts/credit`);
    await page.getByLabel('Amount', { exact: true }).fill('3');
    await page.getByLabel('What for').fill('Sorry');
    await click('Show what it does');
    await page.locator('main .total').waitFor();
    const fields = await page.locator('form[action*="/acts/credit"] input').all();
    const form = new URLSearchParams();
    for (const field of fields) {
      form.append((await field.getAttribute('name')) ?? '', await field.inputValue());
    }
    const [session] = await sam.context.cookies(`${server.url}/admin`);
    const headers = { cookie: `${session?.name}=${session?.value}` };
    const send = () =>
      fetch(page.url(), { method: 'POST', redirect: 'manual', headers, body: form });
    const answers = await Promise.all([send(), send()]);
    expect(answers.map(({ status }) => status)).toEqual([303, 303]);
    const customer = await server.stripe.customers.retrieve(await person.customerId());
    expect(customer).toMatchObject({ balance: -300 });
  }, 60_000);
});

describe('A viewer', () => {
  it('sees the account and no form of an act, and a form sent all the same is refused', async () => {
    const person = await payer();
    const vera = await openAs(server, 'vera', { javaScript: false });
    try {
      await vera.page.goto(`${accountUrl(person)}?money=1`);
      expect(await vera.page.locator('main').textContent()).toContain('$50.00');
      expect(await vera.page.locator('main form, main a[href*="/acts/"]').count()).toBe(0);
      const answer = await vera.page.goto(`${accountUrl(person)}/acts/credit`);
      expect(answer?.status()).toBe(403);
      // An act for admins is none for support.
      expect((await sam.page.goto(`${accountUrl(person)}/acts/link`))?.status()).toBe(403);
      await vera.page.goto(accountUrl(person));
      const csrf = await vera.page.locator('input[name="csrf"]').first().inputValue();
      const [session] = await vera.context.cookies(`${server.url}/admin`);
      const body = new URLSearchParams({ csrf, step: 'do', key: 'x', text: 'A note' });
      const headers = { cookie: `${session?.name}=${session?.value}` };
      const sent = await fetch(`${accountUrl(person)}/acts/note`, {
        method: 'POST',
        headers,
        body,
      });
      expect(sent.status).toBe(403);
      expect(await server.database.knex('account_notes').where({ account_id: person.id })).toEqual(
        [],
      );
    } finally {
      await vera.close();
    }
  }, 60_000);
});

describe('Times', () => {
  it('are the operator’s own, with UTC beside the pointer; without JavaScript they are UTC', async () => {
    const person = await payer();
    const ada = await openAs(server, 'ada', { timezone: 'Asia/Tokyo' });
    try {
      await ada.page.goto(accountUrl(person));
      const time = ada.page.locator('.timeline time').first();
      const at = Date.parse((await time.getAttribute('datetime')) ?? '');
      const words = (ms: number) => new Date(ms).toISOString().slice(0, 16).replace('T', ' ');
      expect(await time.textContent()).toBe(words(at + 9 * 3_600_000));
      expect(await time.getAttribute('title')).toBe(`${words(at)} UTC`);
      expect(await ada.page.locator('.foot').textContent()).toContain('Asia/Tokyo');
    } finally {
      await ada.close();
    }
    await sam.page.goto(accountUrl(person));
    expect(await sam.page.locator('.foot').textContent()).toContain('all times UTC');
  }, 60_000);
});

describe('The account page and its forms', () => {
  it('are accessible, keep to the policy, fit every width and are small, light and dark', async () => {
    const person = await payer();
    await chargeTwice(person);
    const ada = await openAs(server, 'ada');
    try {
      const paths = ['?money=1', '/acts/change', '/acts/grant', '/acts/refund?payment=in_x'];
      for (const [index, path] of paths.entries()) {
        const answer = await ada.page.goto(accountUrl(person) + path);
        expect((await answer?.body())?.length).toBeLessThan(150_000);
        const problems = await problemsInBothSchemes(ada.page, async (colorScheme) => {
          for (const width of [390, 768, 1440]) {
            await ada.page.setViewportSize({ width, height: 900 });
            expect(await overflow(ada.page), `${path} ${width}`).toBe(0);
            await picture(ada.page, `account-${index}-${colorScheme}-${width}`);
          }
        });
        expect(problems, path).toEqual([]);
      }
      expect(ada.problems).toEqual([]);
    } finally {
      await ada.close();
    }
  }, 120_000);
});
