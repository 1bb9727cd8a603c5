import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { randomFrom } from '../support/random.ts';
import { RUNS } from '../support/sizes.ts';
import { migrationLab, type MigrationLab } from './migration-lab.ts';
import { compiledScript } from '../support/compiled.ts';

const SUBSCRIPTIONS = 30;
/** Kills before a run is left alone; ten times as many with TENURE_TEST_RUNS=10. */
const KILLS = RUNS;

const directory = mkdtempSync(join(tmpdir(), 'tenure-migrate-'));
let lab: MigrationLab;
let child: ChildProcess | null = null;
afterEach(async () => {
  child?.kill('SIGKILL');
  await lab.close();
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const VARIANTS = [
  { dialect: 'sqlite', at: 'now' },
  { dialect: 'sqlite', at: 'period_end' },
  { dialect: 'postgres', at: 'now' },
] as const;

describe.each(VARIANTS)(
  'migrate-plan --at $at on $dialect',
  { timeout: 60_000 + KILLS * 10_000 },
  (variant) => {
    const { dialect, at } = variant;

    it('killed at a random moment and started again, changes each subscription exactly once', async () => {
      const seed = Number(process.env['TENURE_TEST_SEED'] ?? Date.now() % 1_000_000);
      process.stdout.write(`migrate-plan --at ${at} killed on ${dialect}: seed ${seed}\n`);
      const random = randomFrom(seed);
      lab = await migrationLab(dialect);
      const [from, to] = await Promise.all([lab.price({}), lab.price({ unit_amount: 3000 })]);
      const ids: string[] = [];
      for (let made = 0; made < SUBSCRIPTIONS; made += 1) {
        ids.push((await lab.subscribe(from.id)).id);
      }
      // Slow enough for a kill to land in the middle of calls; some answers come when nobody listens any more.
      for (const path of [
        '/v1/subscriptions/*',
        '/v1/subscription_schedules',
        '/v1/subscription_schedules/*',
      ]) {
        await lab.fault({ type: 'latency', path, method: 'POST', ms: 30 });
        await lab.fault({ type: 'late_answer', path, method: 'POST', ms: 30 });
      }
      const report = join(directory, `${dialect}-${at}.csv`);
      const args = ['--from', from.id, '--to', to.id, '--at', at, '--json', '--csv', report];

      for (let kill = 0; kill < KILLS; kill += 1) {
        child = start(args, lab.env);
        const goal = (await begunIn(lab)) + 1 + random.below(Math.ceil(20 / KILLS));
        await until(child, async () => (await begunIn(lab)) >= goal);
        await sleep(random.below(60));
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
      child = start(args, lab.env);
      const [stdout, code] = await Promise.all([textOf(child), once(child, 'exit')]);
      expect(code[0]).toBe(0);
      const result: unknown = JSON.parse(stdout);
      expect(result).toMatchObject({ resumed: true, total: SUBSCRIPTIONS, done: SUBSCRIPTIONS });

      await (at === 'now' ? expectChangedOnce(ids) : expectScheduledOnce(ids, to.id));
      const lines = readFileSync(report, 'utf8').trim().split('\n');
      expect(lines).toHaveLength(SUBSCRIPTIONS + 1);
      expect(lines.slice(1).every((line) => line.split(',')[2] === 'done')).toBe(true);
      // What each was charged is in the report even for those that a killed run had changed.
      const charged = lines.slice(1).map((line) => Number(line.split(',')[9]) > 0);
      expect(new Set(charged)).toEqual(new Set([at === 'now']));
    });
  },
);

/** One event that changes the price, and one invoice for it. */
async function expectChangedOnce(ids: string[]): Promise<void> {
  const events = await lab.stripe.events
    .list({ type: 'customer.subscription.updated', limit: 100 })
    .autoPagingToArray({ limit: 1000 });
  const priceChanges = events.flatMap((event) =>
    event.type === 'customer.subscription.updated' && event.data.previous_attributes?.items
      ? [event.data.object.id]
      : [],
  );
  expect(priceChanges.toSorted()).toEqual(ids.toSorted());
  for (const id of ids) {
    const { data } = await lab.stripe.invoices.list({ subscription: id });
    expect(data.map(({ billing_reason: reason }) => reason)).toEqual([
      'subscription_update',
      'subscription_create',
    ]);
  }
}

/** One schedule each, with the new price after the present period. */
async function expectScheduledOnce(ids: string[], price: string): Promise<void> {
  const schedules = await lab.stripe.subscriptionSchedules
    .list({ limit: 100 })
    .autoPagingToArray({ limit: 1000 });
  expect(new Set(schedules.map(({ subscription }) => subscription))).toEqual(new Set(ids));
  expect(schedules).toHaveLength(ids.length);
  for (const { phases } of schedules) {
    expect(phases).toHaveLength(2);
    expect(phases[1]?.items.map((item) => item.price)).toEqual([price]);
  }
}

function start(args: string[], env: Record<string, string>): ChildProcess {
  return spawn(process.execPath, [compiledScript('migrate-plan'), ...args], {
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

async function begunIn({ database }: MigrationLab): Promise<number> {
  const row: { count?: number | string } | undefined = await database
    .knex('plan_migration_items')
    .whereNot({ status: 'pending' })
    .count({ count: '*' })
    .first();
  return Number(row?.count ?? 0);
}

async function until(running: ChildProcess, holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) {
    if (running.exitCode !== null) throw new Error('it ended before it could be killed');
    await sleep(5);
  }
}

async function textOf(running: ChildProcess): Promise<string> {
  let text = '';
  for await (const chunk of running.stdout ?? []) text += String(chunk);
  return text;
}
