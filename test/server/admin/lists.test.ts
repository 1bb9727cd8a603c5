import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exportStream } from '../../../server/admin/pages/lists/export.ts';
import { LISTS, listNamed } from '../../../server/admin/pages/lists/index.ts';
import { wishOf } from '../../../server/admin/pages/lists/list.ts';
import { startTestServer, until, type TestServer } from '../../support/server.ts';
import { newPerson, PRO, STARTER, type Person } from '../billing/person.ts';

let server: TestServer;
const people: Record<'trial' | 'pays' | 'fails' | 'leaves', Person> = {} as never;

beforeAll(async () => {
  server = await startTestServer({ database: 'sqlite' });
  for (const name of ['trial', 'pays', 'fails', 'leaves'] as const)
    people[name] = newPerson(server);
  const { trial, pays, fails, leaves } = people;
  const paid = async (person: Person, choice: object) => {
    const { id } = await person.subscribe(choice);
    await server.stripe.subscriptions.update(id, { trial_end: 'now' });
    return id;
  };
  await paid(pays, PRO);
  await paid(leaves, STARTER);
  await paid(fails, PRO);
  await server.settled();
  await fails.useCard('pm_card_chargeCustomerFail');
  const reason = { feedback: 'too_expensive', comment: 'Over "budget", sadly\n=1+1' };
  await leaves.command('cancel', { when: 'period_end', ...reason });
  await server.advance(31.5);
  await trial.subscribe(PRO);
  await server.database
    .knex('customers')
    .where({ user_id: pays.id })
    .update({ name: 'Acme, Inc.', email: 'Pat@acme.example', email_key: 'pat@acme.example' });
  await until(async () => {
    const mails = await server.database.knex('outbox').where({ kind: 'mail.payment_failed' });
    return mails.some(({ status }) => status === 'delivered');
  });
}, 120_000);
afterAll(() => server.close());

const get = (path: string) => server.call('GET', path, { admin: true });

/** The rows of an export, by the names of the first line. */
async function exported(list: string, query = ''): Promise<Record<string, unknown>[]> {
  const { status, text, headers } = await get(`/admin/api/export/${list}?format=ndjson${query}`);
  expect(status, list).toBe(200);
  expect(headers.get('content-type')).toContain('application/x-ndjson');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('R-14: boards', () => {
  it('of failing payments say how much, when it is tried again and what was mailed', async () => {
    const [row, ...others] = await exported('failing-payments');
    expect(others).toEqual([]);
    const [invoice] = await people.fails.invoices();
    expect(row).toMatchObject({
      account: people.fails.id,
      state: 'past_due',
      amountDue: invoice?.amount_remaining,
      currency: 'usd',
      nextAttemptAt: new Date((invoice?.next_payment_attempt ?? 0) * 1000).toISOString(),
      mailed: 'mail.payment_failed',
    });
  });

  it('of trials and renewals say when, and what is charged', async () => {
    const [trial, ...others] = await exported('trials-ending');
    expect(others).toEqual([]);
    expect(trial).toMatchObject({ account: people.trial.id, amount: 5000 });
    expect(trial?.['at']).toBe((await people.trial.subscription()).trialEnd);
    const renewals = await exported('renewals');
    expect(renewals).toMatchObject([{ account: people.pays.id, amount: 5000, state: 'active' }]);
    expect(await exported('renewals', '&from=2999-01-01')).toEqual([]);
    expect(await exported('renewals', '&plan=starter')).toEqual([]);
  });

  it('of those who leave say when, why and in their words, once for each', async () => {
    expect(await exported('leaving')).toMatchObject([
      {
        account: people.leaves.id,
        state: 'canceled',
        reason: 'too_expensive',
        comment: 'Over "budget", sadly\n=1+1',
        by: `user:${people.leaves.id}`,
      },
    ]);
  });
});

describe('R-13, R-14: lists', () => {
  it('are CSV that spreadsheets read as text, with the filters of the page', async () => {
    const { text, headers } = await get('/admin/api/export/leaving?format=csv');
    expect(headers.get('content-disposition')).toBe('attachment; filename="leaving.csv"');
    expect(text.split('\r\n')[0]).toBe(
      'account,email,subscription,plan,state,leavesAt,at,reason,comment,by',
    );
    expect(text).toContain('"Over ""budget"", sadly\n=1+1"');
    const named = await get('/admin/api/export/accounts?format=csv&q=acme.example');
    expect(named.text.split('\r\n')[1]).toContain(
      `${people.pays.id},"Acme, Inc.",Pat@acme.example`,
    );
    await server.database
      .knex('customers')
      .where({ user_id: people.trial.id })
      .update({ name: '=A1' });
    const all = await get('/admin/api/export/accounts?format=csv');
    expect(all.text).toContain("'=A1");
    expect(all.text.trim().split('\r\n')).toHaveLength(5);
  });

  it('of accounts are searched by name, domain, invoice number and the last four digits of a card', async () => {
    const ids = async (q: string) =>
      (await exported('accounts', `&q=${encodeURIComponent(q)}`)).map(({ account }) => account);
    const [invoice] = await people.pays.invoices();
    const pays = [people.pays.id];
    for (const q of [
      'Acme',
      'ACME, inc',
      'acme.example',
      'pat@',
      invoice?.number ?? '',
      invoice?.id ?? '',
    ]) {
      expect(await ids(q), q).toEqual(pays);
    }
    expect(await ids(await people.pays.customerId())).toEqual(pays);
    expect(new Set(await ids('4242'))).toEqual(
      new Set([people.pays, people.fails, people.leaves].map(({ id }) => id)),
    );
    expect(await ids('%')).toEqual([]);
    const one = await get('/admin/api/export/accounts?format=ndjson&state=past_due&plan=pro');
    expect(one.text).toContain(`"account":"${people.fails.id}"`);
    expect(one.text.trim().split('\n')).toHaveLength(1);
  });

  it('of invoices leave out what another program sold, and follow the status', async () => {
    const customer = await people.pays.customerId();
    const foreign = await server.stripe.invoices.create({ customer, auto_advance: false });
    const rows = await exported('invoices');
    expect(rows.map(({ id }) => id)).not.toContain(foreign.id);
    const paid = await exported('invoices', '&status=paid');
    expect(paid.length).toBeGreaterThan(2);
    expect(new Set(paid.map(({ status }) => status))).toEqual(new Set(['paid']));
    const [open] = await exported('invoices', '&status=open');
    expect(open).toMatchObject({ account: people.fails.id, open: 5000, paid: 0 });
  });

  it('each answer any filter that their pages offer', async () => {
    for (const list of LISTS) {
      for (const { name, options, type } of list.filters) {
        const value = options?.[0]?.[0] ?? (type === 'date' ? '2026-01-01' : 'x');
        const sort = list.sorts.at(-1)?.[0] ?? '';
        const answer = await get(`/admin/api/export/${list.name}?${name}=${value}&sort=${sort}`);
        expect(answer.status, `${list.name} ${name}`).toBe(200);
      }
    }
    expect((await get('/admin/api/export/nothing')).status).toBe(404);
  });

  it('are read page by page, as fast as they are taken: memory does not grow with the list', async () => {
    const db = server.database.knex;
    const rows = Array.from({ length: 6_000 }, (_, index) => ({
      user_id: `bulk_${index}`,
      created_at: index,
    }));
    for (let at = 0; at < rows.length; at += 200) {
      await db('customers').insert(rows.slice(at, at + 200));
    }
    const accounts = listNamed('accounts')!;
    const wish = { ...wishOf(accounts, new URLSearchParams()), format: 'csv' as const };
    // One that never ends: a producer that does not wait for its reader would go on and on.
    let pages = 0;
    const endless = {
      ...accounts,
      page: async () => ({ rows: [], next: String((pages += 1)) }),
    };
    const slow = exportStream(server.services, endless, wish).getReader();
    await slow.read();
    for (let turn = 0; turn < 200; turn += 1) await new Promise(setImmediate);
    expect(pages).toBeLessThan(4);
    await slow.cancel();

    const reader = exportStream(server.services, accounts, wish).getReader();
    let lines = 0;
    let longest = 0;
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      longest = Math.max(longest, value.length);
      lines += new TextDecoder().decode(value).split('\r\n').length - 1;
    }
    expect(lines).toBeGreaterThan(6_000);
    expect(longest).toBeLessThan(100_000);
    await db('customers').where('user_id', 'like', 'bulk_%').delete();
  }, 60_000);
});

describe('Mails', () => {
  it('are kept as they were sent, and are sent again', async () => {
    const [mail] = await exported('mails', `&account=${people.fails.id}&kind=mail.payment_failed`);
    expect(mail).toMatchObject({ state: 'sent', reason: null });
    await server.database
      .knex('customers')
      .where({ user_id: people.fails.id })
      .update({ email: 'fay@example.com', email_key: 'fay@example.com' });
    const path = `/admin/api/accounts/${people.fails.id}/mails/${String(mail?.['id'])}/resend`;
    expect((await server.call('POST', path, { admin: true, body: {} })).status).toBe(202);
    const stored = async () =>
      server.database.knex('outbox').where({ id: mail?.['id'] }).first('sent', 'status');
    await until(async () => (await stored()).sent.includes('fay@example.com'));
    const sent = JSON.parse((await stored()).sent) as Record<string, string>;
    expect(sent).toMatchObject({
      to: 'fay@example.com',
      subject: 'Your payment for Pro did not go through',
      text: expect.stringContaining('$50.00'),
    });
    const other = `/admin/api/accounts/${people.pays.id}/mails/${String(mail?.['id'])}/resend`;
    expect((await server.call('POST', other, { admin: true, body: {} })).status).toBe(404);
  });
});

describe('R-14: the boards, as time goes on', () => {
  it('sum up what is at risk, and tell the next attempt of the invoice whatever mails said', async () => {
    const note = async (filters: Record<string, string>) => {
      const wish = { filters, sort: 'since', after: null, limit: 9 };
      return String((await listNamed('failing-payments')!.page(server.services, wish)).note);
    };
    for (const filters of [{}, { plan: 'pro' }] as Record<string, string>[]) {
      expect(await note(filters)).toContain('$50.00 at risk');
      expect(await note(filters)).toContain('in 1 subscription, $50.00 a month');
    }
    expect(await note({ plan: 'starter' })).toBe('null');
    const [invoice] = await people.fails.invoices();
    await server.stripe.invoices.update(invoice?.id ?? '', { auto_advance: false });
    await server.settled();
    expect(await exported('failing-payments')).toMatchObject([
      { account: people.fails.id, amountDue: 5000, nextAttemptAt: null },
    ]);
  });

  it('of those who leave go by when they do, and have each once', async () => {
    const [later, atOnce] = [newPerson(server), newPerson(server)];
    await later.subscribe(PRO);
    await later.command('cancel', { when: 'period_end' });
    await later.command('resume');
    await later.command('cancel', { when: 'period_end' });
    await atOnce.subscribe(STARTER);
    await atOnce.command('cancel', { when: 'now' });
    await server.settled();
    const order = [later.id, atOnce.id, people.leaves.id];
    const rows = await exported('leaving');
    expect(rows.map(({ account }) => account)).toEqual(order);
    expect(rows[0]?.['leavesAt']).toBe((await later.subscription()).cancelAt);
    const earliest = await exported('leaving', '&sort=earliest');
    expect(earliest.map(({ account }) => account)).toEqual(order.toReversed());
    const [from, until] = rows.map(({ leavesAt }) => String(leavesAt).slice(0, 10));
    expect((await exported('leaving', `&from=${from}`)).map(({ account }) => account)).toEqual([
      later.id,
    ]);
    expect((await exported('leaving', `&to=${until}`)).map(({ account }) => account)).not.toContain(
      later.id,
    );
    const list = listNamed('leaving')!;
    const wish = { filters: {}, sort: 'latest', limit: 1 };
    const first = await list.page(server.services, { ...wish, after: null });
    const second = await list.page(server.services, { ...wish, after: first.next });
    const pages = [first, second].flatMap((each) => each.rows as { accountId: string }[]);
    expect(pages.map(({ accountId }) => accountId)).toEqual(order.slice(0, 2));
  });
});
