import type { Claim } from '../../db/subjects.ts';
import type { Decision } from './decision.ts';

/** Most subjects in one transaction. */
const MOST = 64;

/** How long decisions wait for others that are on their way, in ms. */
const PATIENCE = 20;

interface Waiting extends Decision {
  resolve: (committed: boolean) => void;
  reject: (error: unknown) => void;
}

/** Writes decisions in one transaction and says under which claims. */
type Write = (batch: readonly Decision[]) => Promise<Set<Claim>>;

type Probe = (step: string) => Promise<void>;

export interface CommitGroup {
  /** Says that a decision is on its way; call what it returns when it is there, or will not come. */
  expect: () => () => void;
  /** False when somebody else took the subject over. */
  commit: (decision: Decision) => Promise<boolean>;
}

/**
 * Group commit of decided work: one transaction writes what gathered while the one before it was under way and while
 * others were on their way, so that a busy engine pays for statements and for the disk once for many subjects. One
 * that is alone never waits. Where it fails, each subject is written in a transaction of its own: what is wrong with
 * one of them is no other's misfortune. That is safe even when nobody knows whether the transaction came through:
 * a lease can be given back only once. Two transactions at once were not faster on PostgreSQL, only smaller.
 */
export function createCommitGroup(write: Write, probe: Probe): CommitGroup {
  let waiting: Waiting[] = [];
  let busy = false;
  let expected = 0;
  let patience: NodeJS.Timeout | null = null;

  function look(): void {
    if (waiting.length === 0 || busy) return;
    if (expected === 0 || waiting.length >= MOST) void commitSome();
    else patience ??= setTimeout(() => void commitSome(), PATIENCE);
  }

  async function commitSome(): Promise<void> {
    if (patience) clearTimeout(patience);
    patience = null;
    if (waiting.length === 0 || busy) return;
    busy = true;
    const batch = waiting.slice(0, MOST).sort((a, b) => (a.claim.key < b.claim.key ? -1 : 1));
    waiting = waiting.slice(MOST);
    await commitBatch(batch);
    busy = false;
    look();
  }

  async function commitBatch(batch: Waiting[]): Promise<void> {
    let committed: Set<Claim>;
    try {
      committed = await write(batch);
    } catch (error) {
      const [first] = batch;
      if (batch.length === 1) first?.reject(error);
      else await Promise.all(batch.map((each) => commitBatch([each])));
      return;
    }
    try {
      await probe('after_commit');
      for (const { claim, resolve } of batch) resolve(committed.has(claim));
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }

  return {
    expect() {
      let open = true;
      expected += 1;
      return () => {
        if (!open) return;
        open = false;
        expected -= 1;
        // Others that are decided in this turn of the event loop come along.
        if (expected === 0) setImmediate(look);
      };
    },
    commit: (decision) =>
      new Promise((resolve, reject) => {
        waiting.push({ ...decision, resolve, reject });
        setImmediate(look);
      }),
  };
}
