import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../../support/server.ts';
import { newPerson, PRO, refusal, STARTER, type Person } from './person.ts';
import { stripeSwitches } from './stripe-calls.ts';

/** At most so many calls to Stripe, one after another: each is a quarter of a second of a customer's waiting. */
const TARGETS: Record<string, number> = {
  'first checkout': 4,
  'second checkout': 2,
  preview: 2,
  upgrade: 3,
  downgrade: 4,
  cancel: 2,
  resume: 2,
};

describe('Round trips to Stripe per command', { timeout: 90_000 }, () => {
  let server: TestServer;
  const counted: Record<string, number> = {};
  beforeAll(async () => {
    server = await startTestServer({ database: 'sqlite', env: { TRIAL_DAYS: '0' } });
  });
  afterAll(() => server.close());

  /** The calls of one command; webhooks that follow from it come later, as at Stripe. */
  async function count(name: string, run: () => ReturnType<Person['post']>): Promise<string[]> {
    const switches = stripeSwitches(server);
    await server.settled();
    await switches.silence();
    const calls = await switches.callsOf(async () => {
      const { status, text } = await run();
      if (status > 299) throw new Error(text);
    });
    await switches.calm();
    counted[name] = calls.length;
    return calls.map(({ method, path }) => `${method} ${path}`);
  }
  const quoted = async (person: Person, choice: object) => {
    const { prorationDate } = (await person.command('preview', choice)).json;
    return { ...choice, prorationDate };
  };

  it('are as few as docs/performance.md says', async () => {
    const person = newPerson(server);
    await count('first checkout', () => person.post('checkout', STARTER));
    await count('second checkout', () => person.post('checkout', STARTER));
    await person.subscribe(STARTER);
    await count('preview', () => person.command('preview', PRO));
    const upgrade = await quoted(person, PRO);
    const asked = await count('upgrade', () => person.command('change', upgrade));
    expect(asked.at(-1)).toBe('POST /v1/subscriptions/*');
    await count('preview of a downgrade', () => person.command('preview', STARTER));
    await count('downgrade', () => person.command('change', STARTER));
    await count('cancel with a scheduled downgrade', () => person.command('cancel'));
    await count('resume with a scheduled downgrade', () => person.command('resume'));
    await count('stay on the plan', () => person.command('change', PRO));
    await count('cancel', () => person.command('cancel'));
    await count('resume', () => person.command('resume'));
    await count('cancel now', () => person.command('cancel', { when: 'now' }));
    await count('reactivate', () => person.command('reactivate', PRO));

    const page = readFileSync('docs/performance.md', 'utf8');
    const rows = [...page.matchAll(/^\| ([a-z ]+) \| (\d+) \| (?:≤ (\d+))? *\|$/gm)];
    const told = Object.fromEntries(rows.map(([, name, calls]) => [name, Number(calls)]));
    expect(told).toEqual(counted);
    for (const [name, most] of Object.entries(TARGETS)) {
      expect([name, (counted[name] ?? Infinity) <= most]).toEqual([name, true]);
    }
  });

  it('what is stored is read again where the Dashboard changed it unheard', async () => {
    const person = newPerson(server);
    await person.subscribe(STARTER);
    const upgrade = await quoted(person, PRO);
    const { silence, calm } = stripeSwitches(server);
    await silence();
    const { id } = await person.subscription();
    await server.stripe.subscriptions.update(id, { cancel_at_period_end: true });
    // The price was of a subscription that goes on.
    expect(refusal(await person.command('change', upgrade))).toEqual([409, 'not_allowed']);
    expect(await person.subscription()).toMatchObject({ state: 'cancel_pending', plan: 'starter' });
    await calm();
  });

  it('what a write answered gives way to what was heard since', async () => {
    const person = newPerson(server);
    const { id } = await person.subscribe(STARTER);
    const { facts } = (await server.database.knex('subscriptions').where({ id }).first()) as {
      facts: string;
    };
    const before = JSON.parse(facts) as { items: { quantity: number }[] };
    const { engine } = server.services;
    const cause = { type: 'request', id: 'r', actor: 'system', at: 0 } as const;
    const sync = async (was: object, answer: object) => {
      const ids = { subscriptionId: id, customerId: await person.customerId() };
      const given = { facts: answer, before: was } as never;
      return (await engine.syncSubscription({ ...ids, cause, answer: given }))?.facts.cancelAt;
    };
    const stale = { ...before, cancelAt: 1_900_000_000_000 };
    // Another read has stored something else than the command began with.
    expect(await sync({ ...before, items: [] }, stale)).toBeNull();
    // Nothing was heard: the answer counts.
    expect(await sync(before, stale)).toBe(1_900_000_000_000);
  });
});
