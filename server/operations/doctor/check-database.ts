import { existsSync } from 'node:fs';
import { nowSql, rowsOf } from '../../../db/database.ts';
import { clockSkew, SKEW_WARNING_MS } from '../../lib/clock-skew.ts';
import { inboxHealth } from '../../../db/webhook-events.ts';
import { migrationStatus } from '../../../db/migrate.ts';
import { outboxHealth } from '../../../db/outbox.ts';
import { listSubscriptions } from '../../../db/subscriptions.ts';
import { planOfFacts } from '../../../state/catalogue.ts';
import { isCatchUpLate } from '../../webhooks/catch-up.ts';
import { checkNotices } from './check-notices.ts';
import type { Examination, Report } from './finding.ts';

/** Due events that wait longer than this mean that they are not being processed. */
const STUCK_AFTER_MS = 5 * 60_000;
const SAMPLE = 200;

/** The database: reachable and of this release. False when nothing more can be asked of it. */
export async function checkDatabase(exam: Examination, report: Report): Promise<boolean> {
  const { database } = exam;
  const file = database.url.replace(/^sqlite:(\/\/(?=\/))?/, '');
  if (database.dialect === 'sqlite' && !existsSync(file)) {
    report.problem(
      'database_missing',
      `There is no database at ${file} yet.`,
      'Start the server once, or set DATABASE_URL.',
    );
    return false;
  }
  if (exam.config.stripe.live && database.dialect === 'sqlite') {
    report.warn(
      'database_sqlite',
      'The key is live and the database is SQLite: one process, one machine, and backups are yours to make.',
      'Set DATABASE_URL=postgres://… for several processes.',
    );
  }
  try {
    const { pending, unknown, breaking } = await migrationStatus(database);
    if (breaking.length > 0) {
      report.problem(
        'database_newer',
        `The database was migrated by a newer release (${breaking.join(', ')}), and this one cannot run on it.`,
        'Run the newer release.',
      );
      return false;
    }
    if (unknown.length > 0) {
      report.warn(
        'database_newer',
        `The database was migrated by a newer release (${unknown.join(', ')}); this one can run on it.`,
        'Go on with the newer release when it is time.',
      );
    }
    if (pending.length > 0) {
      report.problem(
        'migrations_pending',
        `The database lacks ${pending.join(', ')}.`,
        'Start the server (it migrates), or stop older servers first.',
      );
      return false;
    }
  } catch (error) {
    report.problem(
      'database_unreachable',
      `The database cannot be reached: ${withoutPassword(error)}`,
      'Check DATABASE_URL, the network, and that the database is running.',
    );
    return false;
  }
  report.ok(`${database.dialect}, migrated`);
  await checkClock(exam, report);
  await checkNotices(database, report);
  return true;
}

/** Leases and due times are the database's; what is shown and signed is dated by this machine. */
async function checkClock({ database, now }: Examination, report: Report): Promise<void> {
  const asked = now();
  const [row] = rowsOf<{ now: number }>(
    await database.knex.raw(`SELECT ${nowSql(database.knex)} AS now`),
  );
  const skew = clockSkew({ asked, answered: now() }, row?.now ?? asked, 1);
  if (Math.abs(skew) < SKEW_WARNING_MS) {
    report.ok('the clock agrees with the database’s');
    return;
  }
  report.warn(
    'database_clock_skew',
    `this machine is ${(Math.abs(skew) / 1000).toFixed(0)} s ${skew > 0 ? 'ahead of' : 'behind'} the database`,
    'Let both machines set their clocks by NTP (timedatectl set-ntp true).',
  );
}

/** Events and effects: none dead, none overdue. */
export async function checkInbox(exam: Examination, report: Report): Promise<void> {
  const now = exam.now();
  const db = exam.database.knex;
  const inbox = await inboxHealth(db, now);
  if (inbox.dead > 0) {
    report.problem(
      'events_dead',
      `${inbox.dead} webhook events failed for good and were given up.`,
      'See /admin/events?status=dead for the reasons; then npm run replay -- --failed.',
    );
  }
  if (inbox.dueSince !== null && now - inbox.dueSince > STUCK_AFTER_MS) {
    const minutes = Math.round((now - inbox.dueSince) / 60_000);
    report.problem(
      'events_stuck',
      `${inbox.waiting} webhook events wait, the oldest has been due for ${minutes} minutes: they are not being processed.`,
      'Is a server running on this database? Its log says why it does not.',
    );
  }
  if (inbox.failing > 0) {
    report.warn(
      'events_failing',
      `${inbox.failing} webhook events have failed and are tried again.`,
      'See /admin/events?status=failed for the reasons.',
    );
  }
  if (await isCatchUpLate(db)) {
    report.warn(
      'catch_up_late',
      'Missed events have not been looked for in full for more than ten minutes.',
      'Is a server running on this database? Its log says why Stripe refuses the list of events.',
    );
  }
  const { dead } = await outboxHealth(db);
  if (dead > 0) {
    report.problem(
      'effects_dead',
      `${dead} mails or outgoing webhooks could not be delivered and were given up.`,
      'Fix SMTP_URL or your receiver, then npm run replay -- --failed.',
    );
  }
  report.ok(`${inbox.waiting} events wait`);
}

/** One live subscription per account, on a price that is known. */
export async function checkSubscriptions(exam: Examination, report: Report): Promise<void> {
  const db = exam.database.knex;
  const duplicates = await listSubscriptions(db, { duplicate: true, limit: SAMPLE });
  const accounts = new Set(duplicates.map(({ userId, customerId }) => userId ?? customerId));
  if (accounts.size > 0) {
    report.problem(
      'two_subscriptions',
      `${accounts.size} accounts have more than one live subscription and pay twice: ${[...accounts].slice(0, 5).join(', ')}.`,
      'See /admin/subscriptions, cancel the wrong one and refund it.',
    );
  }
  const foreign = await listSubscriptions(db, { foreign: true, limit: SAMPLE });
  const recent = [
    ...(await listSubscriptions(db, { limit: SAMPLE })),
    // Those of other programs are on their own prices; of our accounts, a payer may miss access.
    ...foreign.filter(({ userId }) => userId !== null),
  ];
  const unknown = recent.filter(
    ({ state, facts }) => state !== 'canceled' && planOfFacts(exam.catalogue, facts) === null,
  );
  if (unknown.length > 0) {
    const prices = new Set(unknown.flatMap(({ facts }) => facts.items.map((item) => item.priceId)));
    report.warn(
      'unknown_prices',
      `Of the newest ${recent.length} subscriptions, ${unknown.length} are on prices that no plan has: ${[...prices].slice(0, 5).join(', ')}.`,
      'They give no access. Move them with npm run migrate-plan, or name the prices in the plans file (formerPrices).',
    );
  }
  if (accounts.size === 0) report.ok('no account has two live subscriptions');
}

/** Messages of drivers may hold the URL, and with it the password. */
function withoutPassword(error: unknown): string {
  const message = error instanceof Error ? error.message || error.name : String(error);
  return message.replaceAll(/:\/\/[^@\s]*@/g, '://…@');
}
