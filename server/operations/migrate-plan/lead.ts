import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { Db } from '../../../db/database.ts';
import { leadJob, resignJob } from '../../../db/cursors.ts';
import { releaseClaimsOf } from '../../../db/customer-locks.ts';
import { startHeartbeat } from '../../lib/lease.ts';
import { MigrationRefused } from './request.ts';

/** A run that is gone without a word, on another machine, is taken over after this long. */
const LEASE_MS = 30_000;

export interface Lead {
  /** Names this process in leases. */
  owner: string;
  /** Lets another process go on; throws when the lead had been lost. */
  resign: () => Promise<void>;
}

/**
 * Makes this process the only one that moves subscriptions off a price. A run whose process has died on this machine is taken
 * over at once. Throws MigrationRefused while another process is at it.
 */
export async function takeLead(db: Db, priceId: string): Promise<Lead> {
  const job = `migrate-plan ${priceId}`;
  const owner = `${hostname()}:${process.pid}:${randomBytes(4).toString('hex')}`;
  const terms = { owner, duration: LEASE_MS };
  if (!(await leadJob(db, job, terms))) {
    const row: { owner: string } | undefined = await db('cursors').where({ name: job }).first();
    if (row && isDead(row.owner)) {
      await releaseClaimsOf(db, row.owner);
      await resignJob(db, job, row.owner);
    }
    if (!(await leadJob(db, job, terms))) {
      throw new MigrationRefused(
        `Another process (${row?.owner ?? 'unknown'}) is moving subscriptions off this price. If it is gone, try again in ${LEASE_MS / 1000} seconds.`,
      );
    }
  }
  const stopHeartbeat = startHeartbeat(() => leadJob(db, job, terms), {
    leaseMs: LEASE_MS,
    // The ledger and the idempotency keys hold even without the lead.
    failed: () => undefined,
    maxRenewals: Infinity,
  });
  return {
    owner,
    resign: async () => {
      stopHeartbeat();
      await resignJob(db, job, owner);
    },
  };
}

function isDead(owner: string): boolean {
  const [host, pid] = owner.split(':');
  if (host !== hostname() || !/^\d+$/.test(pid ?? '')) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}
