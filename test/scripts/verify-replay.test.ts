import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findSubscription } from '../../db/subscriptions.ts';
import { findEvent, postponeEvent } from '../../db/webhook-events.ts';
import { createTestDatabase, type TestDatabase } from '../support/databases.ts';
import { createEngineLab, type EngineLab, type LabEngine } from '../support/engine-lab.ts';
import { beginStory } from '../support/subscription-story.ts';
import { runScript } from './run-script.ts';

let lab: EngineLab;
let database: TestDatabase;
let engine: LabEngine;
beforeAll(async () => {
  lab = await createEngineLab();
  database = await createTestDatabase('sqlite');
  engine = lab.engine(database);
});
afterAll(async () => {
  await engine.services.engine.stop();
  await lab.emulator.close();
  await database.drop();
});

const run = (name: string, ...args: string[]) => runScript(name, args, lab.env(database));
const linesOf = (text: string) =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe('npm run verify', { timeout: 90_000 }, () => {
  it('prints each difference and exits with 1, mends them with --repair, and is then content', async () => {
    const story = await beginStory(lab);
    for (const event of await story.news()) await engine.deliver(event);
    await lab.stripe.subscriptions.update(story.subscriptionId, { cancel_at_period_end: true });
    const missing = await beginStory(lab);

    const told = await run('verify');
    expect(told.code).toBe(1);
    expect(told.stdout).toContain(`${story.subscriptionId} differs in`);
    expect(told.stdout).toContain('cancelAtPeriodEnd (here false, at Stripe true)');
    expect(told.stdout).toContain(`${missing.subscriptionId} is at Stripe and not in the database`);
    expect(told.stdout).toContain('--repair');

    const mended = await run('verify', '--repair', '--json');
    expect(mended).toMatchObject({ code: 0, stderr: '' });
    const lines = linesOf(mended.stdout);
    expect(lines).toHaveLength(3);
    expect(lines.at(-1)).toMatchObject({ differences: 2, repaired: 2, left: 0 });
    expect(await findSubscription(database.knex, missing.subscriptionId)).not.toBeNull();

    expect(await run('verify', '--json')).toMatchObject({ code: 0 });
  });
});

describe('npm run replay', { timeout: 90_000 }, () => {
  it('fetches what never arrived, waits until it is processed, and names what nobody has', async () => {
    const story = await beginStory(lab);
    const [created] = await story.news();
    const { code, stdout } = await run('replay', '--json', created!.id, 'evt_nobody_has');
    expect(code).toBe(1);
    expect(linesOf(stdout)).toEqual([
      {
        requeued: [],
        fetched: [created!.id],
        notFound: ['evt_nobody_has'],
        effects: 0,
        done: [created!.id],
        failed: [],
      },
    ]);
    expect(await findSubscription(database.knex, story.subscriptionId)).toMatchObject({
      state: 'active',
    });
  });

  it('processes with --failed what rests as dead, and with --since what was ever missed', async () => {
    const story = await beginStory(lab);
    const news = await story.news();
    const [dead] = news;
    const idle = lab.engine(database, { env: { WEBHOOK_ACK: 'stored' } });
    await idle.deliver(dead);
    const failure = { error: 'a bug', attempts: 15, nextAttemptAt: 0, dead: true };
    await postponeEvent(database.knex, dead!.id, failure);

    const failed = await run('replay', '--failed');
    expect(failed).toMatchObject({ code: 0 });
    expect(failed.stdout).toContain('1 processed');
    expect(await findEvent(database.knex, dead!.id)).toMatchObject({ status: 'done' });

    const since = await run('replay', '--since', '2h', '--json');
    expect(since.code).toBe(0);
    const [result] = linesOf(since.stdout);
    expect(result!['fetched']).toEqual(expect.arrayContaining(news.slice(1).map(({ id }) => id)));
    expect(await database.knex('webhook_events').where({ status: 'waiting' })).toEqual([]);
  });

  it('says how it is used, and what is wrong with a request', async () => {
    const [help, nothing, never] = await Promise.all([
      run('replay', '--help'),
      run('replay'),
      run('replay', '--since', 'long ago'),
    ]);
    expect(help).toMatchObject({ code: 0 });
    expect(help.stdout).toContain('--since WHEN');
    expect(nothing).toMatchObject({ code: 1 });
    expect(nothing.stderr).toContain('Say which events.');
    expect(never).toMatchObject({ code: 1 });
    expect(never.stderr).toContain('"long ago" is neither a date nor a time back');
  });
});
