import { parseArgs } from 'node:util';
import { awaitReplay, replayEvents } from '../server/webhooks/replay.ts';
import { auditScript, scriptServices } from './script-services.ts';

const HELP = `Processes stored events again, and fetches from Stripe those that never arrived.

  npm run replay -- evt_1Abc evt_1Def
  npm run replay -- --failed
  npm run replay -- --since 2026-11-20
  npm run replay -- --since 2h

  --failed      all events that failed or are dead, and effects that are dead
  --since WHEN  all events since a date (ISO 8601) or for a time back (30m, 2h, 3d)
  --notify      send the mails and webhooks that follow from events fetched now; else they are only noted
  --data DIR    where npm start keeps the local deployment (default: data)
  --json        print the result as one JSON line
  --help        this text

Exits with 1 if an event was not found or failed again.
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    failed: { type: 'boolean', default: false },
    since: { type: 'string' },
    notify: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    data: { type: 'string', default: 'data' },
    help: { type: 'boolean', default: false },
  },
});

const UNITS: Record<string, number> = { m: 60_000, h: 3_600_000, d: 86_400_000 };
/** How long to wait for the events to be processed. */
const WAIT_MS = 60_000;

if (values.help) process.stdout.write(HELP);
else if (positionals.length === 0 && !values.failed && values.since === undefined) {
  console.error(`Say which events.\n\n${HELP}`);
  process.exitCode = 1;
} else process.exitCode = await replay();

async function replay(): Promise<number> {
  const since = values.since === undefined ? undefined : momentOf(values.since);
  if (since !== undefined && Number.isNaN(since)) {
    console.error(`"${values.since}" is neither a date nor a time back such as 30m, 2h or 3d.`);
    return 1;
  }
  const services = await scriptServices(values.data);
  try {
    await services.engine.start();
    const request = { ids: positionals, failed: values.failed, since, notify: values.notify };
    const result = await replayEvents(services, request);
    await auditScript(services, { action: 'replay', detail: request });
    const ids = new Set([...result.requeued, ...result.fetched]);
    const outcome = await awaitReplay(services, [...ids], WAIT_MS);
    if (values.json) console.log(JSON.stringify({ ...result, ...outcome }));
    else report(result, outcome);
    return outcome.failed.length + result.notFound.length > 0 ? 1 : 0;
  } finally {
    await services.close();
  }
}

function report(
  result: Awaited<ReturnType<typeof replayEvents>>,
  outcome: Awaited<ReturnType<typeof awaitReplay>>,
): void {
  for (const id of result.notFound) console.log(`${id} is neither here nor at Stripe`);
  for (const { id, error } of outcome.failed) console.log(`${id} failed: ${error}`);
  console.log(
    `${outcome.done.length} processed, ${result.fetched.length} of them fetched from Stripe, ` +
      `${outcome.failed.length} failed, ${result.effects} effects tried again.`,
  );
}

function momentOf(text: string): number {
  const back = /^(\d+)([mhd])$/.exec(text);
  return back ? Date.now() - Number(back[1]) * UNITS[back[2]!]! : Date.parse(text);
}
