import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../../../db/database.ts';
import { listen, notify } from '../../../db/notifications.ts';
import type { Report } from './finding.ts';

const CHANNEL = 'tenure_doctor';
/** A notice takes milliseconds; it is sent again meanwhile, since one that came before the ear was open is lost. */
const WAIT_MS = 2_000;
const AGAIN_MS = 100;

/** Whether processes hear of each other: a pooler in transaction mode lends a connection for one transaction only. */
export async function checkNotices(database: Database, report: Report): Promise<void> {
  if (database.dialect === 'sqlite') return;
  const ear = { heard: false };
  const listener = listen(database, [CHANNEL], { heard: () => (ear.heard = true) });
  const deadline = performance.now() + WAIT_MS;
  while (!ear.heard && performance.now() < deadline) {
    await notify(database.knex, CHANNEL);
    await sleep(AGAIN_MS);
  }
  await listener.close();
  if (ear.heard) {
    report.ok('notices between processes pass');
    return;
  }
  report.warn(
    'database_pooled',
    'Notices between processes (LISTEN) do not pass, as behind a pooler in transaction mode: each process looks by itself, once a second.',
    'Nothing, if that is what you want; migrate with a direct connection (docs/production.md, "Connection poolers").',
  );
}
