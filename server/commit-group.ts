import { commitWork, type Decision } from './commit-work.ts';
import type { EngineContext } from './engine-context.ts';

/** Most subjects in one transaction. */
const MOST = 64;
/** Transactions under way at once on Postgres; SQLite has one writer. */
const LANES = 2;

interface Waiting extends Decision {
  resolve: (committed: boolean) => void;
  reject: (error: unknown) => void;
}

/**
 * Group commit of decided work: one transaction writes what gathered while the one before it was under way, so
 * that a busy engine pays for statements and for the disk once for many subjects. Where it fails, each subject is
 * written in a transaction of its own: what is wrong with one of them is no other's misfortune. That is safe even
 * when nobody knows whether the transaction came through: a lease can be given back only once.
 */
export function createCommitGroup(ctx: EngineContext): (decision: Decision) => Promise<boolean> {
  let waiting: Waiting[] = [];
  let busy = 0;
  const lanes = ctx.core.database.dialect === 'postgres' ? LANES : 1;

  async function commitAll(): Promise<void> {
    // Others that are decided in this turn of the event loop come along.
    await new Promise((resolve) => setImmediate(resolve));
    while (waiting.length > 0) {
      const batch = waiting.slice(0, MOST).sort((a, b) => (a.claim.key < b.claim.key ? -1 : 1));
      waiting = waiting.slice(batch.length);
      await commitBatch(ctx, batch);
    }
    busy -= 1;
  }

  return (decision) =>
    new Promise((resolve, reject) => {
      waiting.push({ ...decision, resolve, reject });
      if (busy >= lanes) return;
      busy += 1;
      void commitAll();
    });
}

async function commitBatch(ctx: EngineContext, batch: Waiting[]): Promise<void> {
  let committed: Set<string>;
  try {
    committed = await commitWork(ctx, batch);
  } catch (error) {
    const [first] = batch;
    if (batch.length === 1) first?.reject(error);
    else await Promise.all(batch.map((each) => commitBatch(ctx, [each])));
    return;
  }
  try {
    await ctx.probe('after_commit');
    for (const { claim, resolve } of batch) resolve(committed.has(claim.key));
  } catch (error) {
    for (const { reject } of batch) reject(error);
  }
}
