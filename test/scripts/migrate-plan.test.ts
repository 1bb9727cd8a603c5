import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type Stripe from 'stripe';
import { listAudit } from '../../db/audit-log.ts';
import type { MigrationItem } from '../../db/plan-migrations.ts';
import { findSubscription } from '../../db/subscriptions.ts';
import { renderMail } from '../../server/outbox/mails/render.ts';
import { takeLead } from '../../server/operations/migrate-plan/lead.ts';
import { MigrationRefused } from '../../server/operations/migrate-plan/request.ts';
import {
  previewMigration,
  runMigration,
} from '../../server/operations/migrate-plan/run-migration.ts';
import { ownerMetadata } from '../support/owner-metadata.ts';
import { runScript } from './run-script.ts';
import { DAY, migrationLab, requestFor, START, type MigrationLab } from './migration-lab.ts';

let lab: MigrationLab;
beforeAll(async () => {
  lab = await migrationLab('sqlite');
});
afterAll(() => lab.close());

const read = (id: string) => lab.stripe.subscriptions.retrieve(id, { expand: ['schedule'] });
const itemsOf = ({ items }: Stripe.Subscription) =>
  items.data.map(({ price, quantity }) => [price.id, quantity]);
const invoicesOf = async (subscription: string) =>
  (await lab.stripe.invoices.list({ subscription })).data.map((each) => each.total);

describe('migrate-plan --at now', () => {
  it('previews each customer to the cent, then charges just that', async () => {
    const [from, to] = await Promise.all([lab.price({}), lab.price({ unit_amount: 3000 })]);
    const subscription = await lab.subscribe(from.id);
    const request = requestFor({ from: from.id, to: to.id, at: 'now' });
    const seen: MigrationItem[] = [];
    const preview = await previewMigration(lab.services, request, {
      onItem: (item) => seen.push(item),
    });
    expect(preview).toMatchObject({ id: null, total: 1, done: 1 });
    expect(seen[0]?.result).toMatchObject({ credit: 2000, debit: 3000, charged: 1000, next: 3000 });
    expect(itemsOf(await read(subscription.id))).toEqual([[from.id, 1]]);

    const result = await runMigration(lab.services, request);
    expect(result).toMatchObject({ total: 1, done: 1, failed: 0, left: 0, resumed: false });
    expect(itemsOf(await read(subscription.id))).toEqual([[to.id, 1]]);
    expect(await invoicesOf(subscription.id)).toEqual([1000, 2000]);
    const row = await findSubscription(lab.database.knex, subscription.id);
    expect(row?.facts.items[0]?.priceId).toBe(to.id);
  });

  it('moves flat to metered: the rest of the month comes back as credit, usage is billed from now on', async () => {
    const from = await lab.price({});
    const to = await lab.price({
      unit_amount: 5,
      recurring: { interval: 'month', usage_type: 'metered', meter: await lab.meter() },
    });
    const subscription = await lab.subscribe(from.id);
    await runMigration(lab.services, requestFor({ from: from.id, to: to.id, at: 'now' }));
    const moved = await read(subscription.id);
    expect(itemsOf(moved)).toEqual([[to.id, undefined]]);
    expect((await invoicesOf(subscription.id))[0]).toBe(-2000);
  });

  it('moves monthly to yearly: a year begins now, and the month that was paid is credited', async () => {
    const from = await lab.price({});
    const to = await lab.price({ unit_amount: 20_000, recurring: { interval: 'year' } });
    const subscription = await lab.subscribe(from.id);
    await runMigration(lab.services, requestFor({ from: from.id, to: to.id, at: 'now' }));
    const [item] = (await read(subscription.id)).items.data;
    expect(item?.current_period_end).toBe(START + 365 * DAY);
    expect((await invoicesOf(subscription.id))[0]).toBe(18_000);
  });

  it('gives seats from a file, and leaves alone whom the file does not name', async () => {
    const [from, to] = await Promise.all([lab.price({}), lab.price({ unit_amount: 500 })]);
    const named = await lab.subscribe(from.id);
    const other = await lab.subscribe(from.id);
    const quantities = { [named.id]: 7 };
    const result = await runMigration(
      lab.services,
      requestFor({ from: from.id, to: to.id, at: 'now', quantities }),
    );
    expect(result).toMatchObject({ done: 1, skipped: 1 });
    expect(itemsOf(await read(named.id))).toEqual([[to.id, 7]]);
    expect(itemsOf(await read(other.id))).toEqual([[from.id, 1]]);
  });

  it('leaves a subscription as it was when its card is declined, and tries it again at the next run', async () => {
    const [from, to] = await Promise.all([lab.price({}), lab.price({ unit_amount: 9000 })]);
    const subscription = await lab.subscribe(
      from.id,
      { trial_period_days: 1 },
      'pm_card_chargeCustomerFail',
    );
    // Paid for, with a card that fails from now on.
    const good = await lab.stripe.paymentMethods.attach('pm_card_visa', {
      customer: subscription.customer as string,
    });
    await lab.stripe.subscriptions.update(subscription.id, {
      default_payment_method: good.id,
      trial_end: 'now',
    });
    await lab.stripe.subscriptions.update(subscription.id, { default_payment_method: '' });
    const request = requestFor({ from: from.id, to: to.id, at: 'now' });
    const failed: MigrationItem[] = [];
    const first = await runMigration(lab.services, request, {
      onItem: (item) => failed.push(item),
    });
    expect(first).toMatchObject({ done: 0, failed: 1 });
    expect(failed[0]?.reason).toMatch(/decline/);
    expect(itemsOf(await read(subscription.id))).toEqual([[from.id, 1]]);
    await lab.stripe.subscriptions.update(subscription.id, { default_payment_method: good.id });
    expect(await runMigration(lab.services, request)).toMatchObject({ resumed: true, done: 1 });
    expect(itemsOf(await read(subscription.id))).toEqual([[to.id, 1]]);
  });

  it('moves from classic to flexible billing, alone or with a new price', async () => {
    const [from, to] = await Promise.all([lab.price({}), lab.price({ unit_amount: 2500 })]);
    const classic = { billing_mode: { type: 'classic' } } as const;
    const alone = await lab.subscribe(from.id, classic);
    const mode = await runMigration(lab.services, requestFor({ from: from.id, toFlexible: true }));
    expect(mode).toMatchObject({ done: 1, failed: 0 });
    expect((await read(alone.id)).billing_mode.type).toBe('flexible');
    const both = await lab.subscribe(from.id, classic);
    const request = requestFor({ from: from.id, to: to.id, at: 'now', toFlexible: true });
    expect(await runMigration(lab.services, request)).toMatchObject({ done: 2, failed: 0 });
    const moved = await read(both.id);
    expect(moved.billing_mode.type).toBe('flexible');
    expect(itemsOf(moved)).toEqual([[to.id, 1]]);
  });
});

describe('migrate-plan --at period_end', () => {
  it('raises a price with the next period, not before 45 days of notice, tells the customer once, and retires the old price', async () => {
    const [from, to] = await Promise.all([lab.price({}), lab.price({ unit_amount: 2400 })]);
    const subscription = await lab.subscribe(from.id);
    const request = requestFor({
      from: from.id,
      to: to.id,
      noticeDays: 45,
      notify: true,
      retire: true,
    });
    const result = await runMigration(lab.services, request);
    expect(result).toMatchObject({ done: 1, retired: true });
    // A second run of the same command finds nobody: the first one is finished.
    expect(await runMigration(lab.services, { ...request, retire: false })).toMatchObject({
      done: 0,
      skipped: 1,
    });
    const scheduled = await read(subscription.id);
    expect(itemsOf(scheduled)).toEqual([[from.id, 1]]);
    const { phases } = scheduled.schedule as Stripe.SubscriptionSchedule;
    // The present month ends after 31 days, the next one after 59: that is the first after the notice.
    expect(phases.map(({ end_date }) => (end_date - START) / DAY)).toEqual([59, 90]);
    expect((await lab.stripe.prices.retrieve(from.id)).active).toBe(false);
    const mails: { payload: string }[] = await lab.database
      .knex('outbox')
      .where({ kind: 'mail.price_change' });
    expect(mails.map(({ payload }) => JSON.parse(payload) as object)).toMatchObject([
      { effectiveAt: '2026-03-01T12:00:00.000Z', unitAmount: 2400, interval: 'month' },
    ]);

    await lab.advance(32);
    expect(itemsOf(await read(subscription.id))).toEqual([[from.id, 1]]);
    await lab.advance(28);
    expect(itemsOf(await read(subscription.id))).toEqual([[to.id, 1]]);
    expect(await invoicesOf(subscription.id)).toEqual([2400, 2000, 2000]);
  });

  it('keeps tax rates, discounts and metadata of who is moved', async () => {
    const [from, to] = await Promise.all([lab.price({}), lab.price({ unit_amount: 3000 })]);
    const metered = await lab.price({
      unit_amount: 5,
      recurring: { interval: 'month', usage_type: 'metered', meter: await lab.meter() },
    });
    const rate = (percentage: number) =>
      lab.stripe.taxRates.create({ display_name: 'VAT', inclusive: false, percentage });
    const [general, special] = await Promise.all([rate(20), rate(5)]);
    const coupon = await lab.stripe.coupons.create({ percent_off: 10, duration: 'forever' });
    const subscription = await lab.subscribe(from.id, {
      items: [{ price: from.id, tax_rates: [special.id], metadata: { line: 'a' } }],
      default_tax_rates: [general.id],
      discounts: [{ coupon: coupon.id }],
      metadata: { ...ownerMetadata('blue'), team: 'blue' },
    });
    const kept = async () => {
      const now = await read(subscription.id);
      return {
        rates: now.default_tax_rates?.map(({ id }) => id),
        itemRates: now.items.data[0]?.tax_rates?.map(({ id }) => id),
        discounts: now.discounts.length,
        metadata: now.metadata,
      };
    };
    const before = await kept();
    expect(before).toMatchObject({ rates: [general.id], itemRates: [special.id], discounts: 1 });
    await runMigration(lab.services, requestFor({ from: from.id, to: to.id }));
    expect(await kept()).toEqual(before);
    await lab.advance(32);
    expect(itemsOf(await read(subscription.id))).toEqual([[to.id, 1]]);
    expect(await kept()).toEqual(before);
    expect((await invoicesOf(subscription.id))[0]).toBe(Math.round(3000 * 0.9 * 1.05));
    await lab.advance(32);
    await runMigration(lab.services, requestFor({ from: to.id, to: metered.id, at: 'now' }));
    expect(itemsOf(await read(subscription.id))).toEqual([[metered.id, undefined]]);
    expect(await kept()).toEqual(before);
  });

  it('does not retire a price that a downgrade still leads to', async () => {
    const [from, to, big] = await Promise.all([
      lab.price({}),
      lab.price({}),
      lab.price({ unit_amount: 9000 }),
    ]);
    const arriving = await lab.subscribe(big.id);
    // A downgrade as a customer asks for it, known to the server.
    await runMigration(lab.services, requestFor({ from: big.id, to: from.id }));
    const request = requestFor({ from: from.id, to: to.id, retire: true });
    expect(await runMigration(lab.services, request)).toMatchObject({
      arriving: 1,
      retired: false,
    });
    expect((await lab.stripe.prices.retrieve(from.id)).active).toBe(true);
    // Planned, then wanted at once.
    const early = await lab.subscribe(from.id);
    await runMigration(lab.services, requestFor({ from: from.id, to: to.id }));
    await runMigration(lab.services, requestFor({ from: from.id, to: to.id, at: 'now' }));
    expect(itemsOf(await read(early.id))).toEqual([[to.id, 1]]);
    await lab.advance(32);
    const done = await runMigration(lab.services, { ...request, at: 'now' });
    expect(done).toMatchObject({ done: 1, arriving: 0, retired: true });
    expect(itemsOf(await read(arriving.id))).toEqual([[to.id, 1]]);
  });

  it('lets one process at a time move subscriptions off a price', async () => {
    const [from, to] = await Promise.all([lab.price({}), lab.price({})]);
    const db = lab.database.knex;
    const lead = await takeLead(db, from.id);
    const asked = runMigration(lab.services, requestFor({ from: from.id, to: to.id }));
    await expect(asked).rejects.toThrow(
      /Another process .* is moving subscriptions off this price/,
    );
    await lead.resign();
    const again = runMigration(lab.services, requestFor({ from: from.id, to: to.id }));
    expect(await again).toMatchObject({ total: 0, left: 0 });
  });

  it('moves flat to metered and monthly to yearly with the next period, without a proration', async () => {
    const from = await lab.price({});
    const metered = await lab.price({
      unit_amount: 5,
      recurring: { interval: 'month', usage_type: 'metered', meter: await lab.meter() },
    });
    const yearly = await lab.price({ unit_amount: 20_000, recurring: { interval: 'year' } });
    const first = await lab.subscribe(from.id);
    await runMigration(lab.services, requestFor({ from: from.id, to: metered.id }));
    const second = await lab.subscribe(from.id);
    await runMigration(lab.services, requestFor({ from: from.id, to: yearly.id }));
    await lab.advance(32);
    expect(itemsOf(await read(first.id))).toEqual([[metered.id, undefined]]);
    const year = await read(second.id);
    expect(itemsOf(year)).toEqual([[yearly.id, 1]]);
    const [item] = year.items.data;
    expect((item!.current_period_end - item!.current_period_start) / DAY).toBe(365);
    expect(await invoicesOf(second.id)).toEqual([20_000, 2000]);
  });

  it('leaves alone who leaves, who has plans of their own, and who has not paid yet, and says why', async () => {
    const [from, to, other] = await Promise.all([lab.price({}), lab.price({}), lab.price({})]);
    const leaving = await lab.subscribe(from.id, { cancel_at_period_end: true });
    const planned = await lab.subscribe(from.id);
    const schedule = await lab.stripe.subscriptionSchedules.create({
      from_subscription: planned.id,
    });
    const [phase] = schedule.phases;
    await lab.stripe.subscriptionSchedules.update(schedule.id, {
      phases: [
        {
          start_date: phase!.start_date,
          end_date: phase!.end_date,
          items: [{ price: from.id, quantity: 1 }],
        },
        { items: [{ price: other.id, quantity: 1 }], duration: { interval: 'month' } },
      ],
    });
    const unpaid = await lab.subscribe(from.id, { payment_behavior: 'default_incomplete' });
    const reasons = new Map<string, string | null>();
    const request = requestFor({ from: from.id, to: to.id });
    const result = await runMigration(lab.services, request, {
      onItem: ({ subscriptionId, reason }) => reasons.set(subscriptionId, reason),
    });
    expect(result).toMatchObject({ done: 0, skipped: 3 });
    expect(reasons.get(leaving.id)).toMatch(/^it ends on 2026-/);
    expect(reasons.get(planned.id)).toMatch(/its schedule sub_sched_\w+ has other plans/);
    expect(reasons.get(unpaid.id)).toMatch(/first payment/);
  });
});

describe('migrate-plan at a price that others sell too', () => {
  it('moves what is ours only, and does not retire the price under another deployment', async () => {
    const [from, to] = await Promise.all([lab.price({}), lab.price({ unit_amount: 3000 })]);
    const own = await lab.subscribe(from.id);
    const staging = await lab.subscribe(from.id, {
      metadata: { user_id: 'u1', tenure_account: 'u1', tenure_deployment: 'staging' },
    });
    const unknown = await lab.subscribe(from.id, { metadata: { team: '7' } });
    const request = requestFor({ from: from.id, to: to.id, at: 'now', retire: true });
    const reasons = new Map<string, string | null>();
    const onItem = ({ subscriptionId, reason }: MigrationItem) => {
      reasons.set(subscriptionId, reason);
    };
    expect(await previewMigration(lab.services, request, { onItem })).toMatchObject({
      done: 1,
      skipped: 2,
    });
    const result = await runMigration(lab.services, request, { onItem });
    expect(result).toMatchObject({ done: 1, skipped: 2, failed: 0, retired: false });
    expect(reasons.get(staging.id)).toBe('it is of another deployment');
    expect(reasons.get(unknown.id)).toMatch(/account is not known/);
    expect(itemsOf(await read(own.id))).toEqual([[to.id, 1]]);
    for (const { id } of [staging, unknown]) {
      expect(itemsOf(await read(id))).toEqual([[from.id, 1]]);
    }
    expect((await lab.stripe.prices.retrieve(from.id)).active).toBe(true);
  });
});

describe('the notice of a change', () => {
  it('says when and how much, or that usage counts from then on', () => {
    const payload = {
      effectiveAt: '2026-03-01T12:00:00.000Z',
      unitAmount: 2400,
      currency: 'usd',
      interval: 'month',
      usageBased: null,
    };
    const mail = (change: object) =>
      renderMail('mail.price_change', {
        payload: { ...payload, ...change },
        planName: 'Pro',
        accountUrl: 'https://app.example.com',
        locale: 'en',
        shop: { name: null, logoUrl: null, supportEmail: null },
        templates: new Map(),
      });
    expect(mail({})?.subject).toBe('The price of Pro changes on 1 March 2026');
    expect(mail({})?.text).toContain('From 1 March 2026 the price of Pro is $24.00 a month.');
    expect(mail({ usageBased: 'yes' })?.text).toContain('you pay for Pro by what you use');
  });
});

describe('migrate-plan while Stripe fails', () => {
  it('changes each subscription once through 429s, lost answers and cut connections', async () => {
    const [from, to] = await Promise.all([lab.price({}), lab.price({ unit_amount: 3000 })]);
    const subscriptions = await Promise.all(
      Array.from({ length: 6 }, () => lab.subscribe(from.id)),
    );
    const path = '/v1/subscriptions/*';
    await lab.fault({ type: 'rate_limit', path, method: 'POST', times: 2, keep: true });
    await lab.fault({
      type: 'error',
      path,
      method: 'POST',
      when: 'after',
      times: 2,
      skip: 2,
      keep: true,
    });
    await lab.fault({ type: 'disconnect', path, method: 'POST', when: 'after', times: 2, skip: 3 });
    const request = requestFor({ from: from.id, to: to.id, at: 'now' });
    const result = await runMigration(lab.services, request);
    await lab.noFaults();
    expect(result).toMatchObject({ total: 6, done: 6, failed: 0 });
    for (const { id } of subscriptions) {
      const totals = await invoicesOf(id);
      expect(totals).toHaveLength(2);
      expect(totals[0]).toBeGreaterThan(0);
    }
  });

  it('refuses what makes no sense, before anything is changed', async () => {
    const from = await lab.price({});
    const euros = await lab.price({ currency: 'eur' });
    const once = await lab.stripe.prices.create({
      product: from.product as string,
      currency: 'usd',
      unit_amount: 100,
    });
    for (const [to, words] of [
      [null, /Say where to/],
      [from.id, /the same price/],
      ['price_of_nobody', /There is no price price_of_nobody/],
      [euros.id, /keeps its currency/],
      [once.id, /one-time price/],
    ] as const) {
      const asked = runMigration(lab.services, requestFor({ from: from.id, to }));
      await expect(asked).rejects.toThrow(words);
      await expect(asked).rejects.toBeInstanceOf(MigrationRefused);
    }
  });
});

describe('npm run migrate-plan', () => {
  it('shows what each customer would get, writes a report, and says what is wrong with a request', async () => {
    const [from, to] = await Promise.all([lab.price({}), lab.price({ unit_amount: 3000 })]);
    const subscription = await lab.subscribe(from.id);
    const csv = join(mkdtempSync(join(tmpdir(), 'tenure-report-')), 'report.csv');
    const args = ['--from', from.id, '--to', to.id, '--at', 'now', '--dry-run', '--csv', csv];
    const run = await runScript('migrate-plan', args, lab.env);
    expect(run).toMatchObject({ code: 0, stderr: '' });
    expect(run.stdout).toMatch(
      new RegExp(
        `^would {3}${subscription.id}: on \\d{4}-\\d\\d-\\d\\d, credit \\$\\S+, debit \\$\\S+, charged now \\$\\S+, next invoice \\$30\\.00\n`,
      ),
    );
    expect(run.stdout).toContain('1 subscriptions: 1 would change');
    const [header, line] = readFileSync(csv, 'utf8').split('\n');
    expect(header).toMatch(/^subscription,customer,result,reason,/);
    expect(line).toMatch(new RegExp(`^${subscription.id},cus_\\w+,would change,,1,1,`));
    rmSync(dirname(csv), { recursive: true });

    const real = args.filter((word) => word !== '--dry-run').slice(0, -2);
    expect(await runScript('migrate-plan', real, lab.env)).toMatchObject({ code: 0 });
    const acts = await listAudit(lab.database.knex, { target: from.id, limit: 9 });
    expect(acts).toMatchObject([
      { action: 'migrate-plan', actor: expect.stringMatching(/^cli:/), detail: { done: 1 } },
      { action: 'migrate-plan.started', detail: { to: to.id, at: 'now' } },
    ]);

    const wrong = await runScript(
      'migrate-plan',
      ['--from', from.id, '--to', 'price_gone'],
      lab.env,
    );
    expect(wrong).toMatchObject({ code: 1, stdout: '' });
    expect(wrong.stderr).toMatch(/^There is no price price_gone in this account/);
  });
});
