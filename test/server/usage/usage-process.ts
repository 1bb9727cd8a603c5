/**
 * A process of its own that records usage and sends it, until it is done or killed:
 * `node usage-process.ts FROM UNTIL CUSTOMERS`. Each line of its output is a fact that holds from then on.
 */
import { loadConfig } from '../../../server/config/config.ts';
import { createLogger } from '../../../server/lib/log.ts';
import { createServices } from '../../../server/app/compose.ts';
import { METER, pieceOf } from './metered-plans.ts';

const [from = 0, until = 0, customers = 1] = process.argv.slice(2).map(Number);
const CHUNK = 1_000;
/** Five rounds or so on the way. */
const FLUSH_EVERY = Math.ceil(until / CHUNK / 5);

const services = createServices(loadConfig(process.env), {
  log: createLogger({ level: 'silent' }),
  usage: { flushEvery: 0, retryBase: 10, retryMax: 50 },
});
const say = (line: string) => process.stdout.write(`${line}\n`);

let flushing: Promise<void> | null = null;
async function flush(): Promise<void> {
  const { calls, rounds } = await services.usage.flush();
  say(`flushed ${calls / Math.max(rounds, 1)}`);
  flushing = null;
}

for (let at = from; at < until; at += CHUNK) {
  const size = Math.min(CHUNK, until - at);
  await services.usage.record(
    Array.from({ length: size }, (_, i) => {
      const { user, quantity } = pieceOf(at + i, customers);
      return { userId: user, meter: METER, quantity, idempotencyKey: `piece-${at + i}` };
    }),
  );
  say(`recorded ${at + size}`);
  if ((at / CHUNK) % FLUSH_EVERY === 4) {
    flushing ??= flush();
  }
}
await flushing;
await services.close();
say('done');
