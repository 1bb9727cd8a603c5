/**
 * Prints which of our files ran during one webhook and one plan change, as JSON: `{webhook: [...], planChange: [...]}`.
 * A process of its own, because the test runner wraps modules and would count what is only imported.
 */
import { Session } from 'node:inspector/promises';
import { fileURLToPath } from 'node:url';
import { relative, resolve } from 'node:path';
import { newPerson, PRO, STARTER } from '../server/billing/person.ts';
import { stripeSwitches } from '../server/billing/stripe-calls.ts';
import { startTestServer } from './server.ts';

const root = resolve(import.meta.dirname, '../..');
// What waits in the outbox is delivered after the walk.
const OURS = /^(server\/(?!outbox\/|lib\/poll-loop)|adapters\/|db\/|state\/)/;
/** What runs by a timer now and then is left out by taking the smallest of so many walks. */
const WALKS = 3;

const profiler = new Session();
profiler.connect();
await profiler.post('Profiler.enable');
await profiler.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });

/** Our files of which a function was called since this was last asked; loading a file does not count. */
async function filesRun(): Promise<string[]> {
  const { result } = await profiler.post('Profiler.takePreciseCoverage');
  return result
    .filter(({ url }) => url.startsWith('file:'))
    .filter(({ functions }) =>
      functions.some(({ ranges: [range] }) => range && range.startOffset > 0 && range.count > 0),
    )
    .map(({ url }) => relative(root, fileURLToPath(url.replace(/\?.*/, ''))))
    .filter((name) => OURS.test(name))
    .sort();
}

async function filesOf(walk: () => Promise<unknown>): Promise<string[]> {
  await filesRun();
  await walk();
  return filesRun();
}

const smallest = (runs: string[][]) => runs.toSorted((a, b) => a.length - b.length)[0] ?? [];

// Nothing runs by a timer meanwhile: only what the walk itself causes is counted.
const server = await startTestServer({
  database: 'sqlite',
  env: { TRIAL_DAYS: '0' },
  engine: { poll: 600_000 },
  services: { usage: { flushEvery: 0 } },
});
try {
  const webhook: string[][] = [];
  const planChange: string[][] = [];
  const person = newPerson(server);
  const { id } = await person.subscribe(STARTER);

  // A scheduled end that is taken back in the Stripe Dashboard: one webhook, one transition, no mail.
  for (let walk = 0; walk < WALKS; walk += 1) {
    const cancel = (scheduled: boolean) =>
      server.stripe.subscriptions.update(id, { cancel_at_period_end: scheduled });
    await cancel(true);
    await server.settled();
    webhook.push(
      await filesOf(async () => {
        await cancel(false);
        await server.settled();
      }),
    );
  }

  // Without webhooks, which would be counted as well: the command reads the state back by itself.
  await stripeSwitches(server).silence();
  for (let walk = 0; walk < WALKS; walk += 1) {
    for (const choice of [PRO, STARTER]) {
      const quote = await person.command('preview', { ...choice, when: 'now' });
      const { prorationDate } = quote.json;
      const files = await filesOf(async () => {
        const answer = await person.command('change', { ...choice, when: 'now', prorationDate });
        if (answer.status >= 300) throw new Error(answer.text);
      });
      if (choice === PRO) planChange.push(files);
    }
  }
  process.stdout.write(
    JSON.stringify({ webhook: smallest(webhook), planChange: smallest(planChange) }),
  );
} finally {
  await server.close();
}
