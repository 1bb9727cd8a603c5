import { saveCursor } from '../../db/cursors.ts';
import { suspectUnsentWindows } from '../../db/usage-windows.ts';
import type { Services } from '../lib/services.ts';
import { RENEWALS_JOB, renewalDays } from '../outbox/renewals.ts';
import { RESTORED } from '../webhooks/scan-events.ts';

/**
 * Notes that this database has just been restored: what catch-up finds of the time before was told before, so its mails and
 * webhooks are noted and not sent. Usage that it holds as unsent may be at Stripe. Real time of Stripe, in seconds.
 */
export async function markRestored({ clock, config, database, engine }: Services): Promise<Date> {
  const now = Math.floor(Date.now() / 1000);
  const page = await engine.reader.read((stripe) =>
    stripe.listEvents({ createdFrom: now, startingAfter: null }),
  );
  const at = page.answeredAt ?? now;
  await saveCursor(database.knex, RESTORED, String(at));
  // What renews soon was told of before.
  const told = clock.now() + renewalDays({ core: { config } }) * 86_400_000;
  await saveCursor(database.knex, RENEWALS_JOB, String(told));
  await suspectUnsentWindows(database.knex, database.clock.now());
  return new Date(at * 1000);
}
