import type { FigureChange } from './dashboard-figures.ts';
import { isPostgres, type Db } from './database.ts';

export type TrialOutcome = 'converted' | 'lost';

/** One trial. Times are ms since the epoch. */
export interface TrialRow {
  subscriptionId: string;
  userId: string | null;
  customerId: string;
  cardFingerprint: string | null;
  startedAt: number;
  endsAt: number | null;
  outcome: TrialOutcome | null;
  outcomeAt: number | null;
}

/** Whether this user, this Stripe customer or this card ever had a trial. */
export async function hadTrial(
  db: Db,
  who: {
    userId?: string | null;
    customerId?: string | null;
    fingerprint?: string | null;
    /** Leaves this subscription's own trial out of the question. */
    exceptSubscriptionId?: string;
  },
): Promise<boolean> {
  const { userId, customerId, fingerprint, exceptSubscriptionId } = who;
  if (!userId && !customerId && !fingerprint) return false;
  const query = db('trials').where((q) => {
    if (userId) void q.orWhere({ user_id: userId });
    if (customerId) void q.orWhere({ customer_id: customerId });
    if (fingerprint) void q.orWhere({ card_fingerprint: fingerprint });
  });
  if (exceptSubscriptionId) void query.whereNot({ subscription_id: exceptSubscriptionId });
  return (await query.first('subscription_id')) !== undefined;
}

/**
 * Makes transactions that look at the same cards follow each other: else two trials that begin on one card at the same
 * moment would not see each other. SQLite has one writer anyway.
 */
export async function lockCards(db: Db, fingerprints: string[]): Promise<void> {
  if (fingerprints.length === 0 || !isPostgres(db)) return;
  // In one order, so that two transactions cannot lock each other out.
  const sorted = [...new Set(fingerprints)].sort();
  await db.raw(
    "SELECT pg_advisory_xact_lock(hashtextextended('trial on ' || card, 0)) FROM unnest(?::text[]) AS card",
    [sorted],
  );
}

/** Whether another trial is known that began on this card until then. */
export async function cardHadTrial(
  db: Db,
  fingerprint: string,
  than: { subscriptionId: string; until: number },
): Promise<boolean> {
  const earlier = await db('trials')
    .where({ card_fingerprint: fingerprint })
    .where('started_at', '<=', than.until)
    .whereNot({ subscription_id: than.subscriptionId })
    .first('subscription_id');
  return earlier !== undefined;
}

/**
 * Records that a trial began; again with a longer end or a card that is known only now. Returns what that adds to the
 * figures, for `addFigures`.
 */
export async function recordTrialStarted(
  db: Db,
  trial: Omit<TrialRow, 'outcome' | 'outcomeAt'>,
): Promise<FigureChange[]> {
  const known = await findTrial(db, trial.subscriptionId);
  await db('trials')
    .insert({
      subscription_id: trial.subscriptionId,
      user_id: trial.userId,
      customer_id: trial.customerId,
      card_fingerprint: trial.cardFingerprint,
      started_at: trial.startedAt,
      ends_at: trial.endsAt,
    })
    .onConflict('subscription_id')
    .merge({
      user_id: db.raw('coalesce(excluded.user_id, trials.user_id)'),
      // The card that it began with stays: another one put in its place must not wash it clean.
      card_fingerprint: db.raw('coalesce(trials.card_fingerprint, excluded.card_fingerprint)'),
      ends_at: trial.endsAt,
    });
  return known ? [] : [counted(trial, 'trial_started')];
}

/**
 * Records how a trial ended: what came first counts, also where it is learned of later. Returns what that adds to the
 * figures.
 */
export async function recordTrialOutcome(
  db: Db,
  subscriptionId: string,
  result: { outcome: TrialOutcome; at: number },
): Promise<FigureChange[]> {
  const { outcome, at } = result;
  const trial = await findTrial(db, subscriptionId);
  if (trial === null) return [];
  const { outcome: known, outcomeAt } = trial;
  const isSame = known === outcome;
  // A later word of the same end corrects its date: it had been told by a read.
  if (known !== null && (isSame ? outcomeAt === at : (outcomeAt ?? 0) <= at)) return [];
  await db('trials').where({ subscription_id: subscriptionId }).update({ outcome, outcome_at: at });
  if (isSame) return [];
  const added = counted(trial, `trial_${outcome}`);
  return known === null ? [added] : [added, { ...counted(trial, `trial_${known}`), value: -1 }];
}

/** Trials are counted on the day on which they began, so that a cohort's outcomes come together. */
function counted(
  { subscriptionId, startedAt: at }: Pick<TrialRow, 'subscriptionId' | 'startedAt'>,
  figure: 'trial_started' | `trial_${TrialOutcome}`,
): FigureChange {
  return { at, figure, currency: '', subscriptionId, value: 1 };
}

/** The trial of a subscription, or null. */
export async function findTrial(db: Db, subscriptionId: string): Promise<TrialRow | null> {
  const row = await db('trials').where({ subscription_id: subscriptionId }).first();
  if (!row) return null;
  return {
    subscriptionId: row.subscription_id,
    userId: row.user_id,
    customerId: row.customer_id,
    cardFingerprint: row.card_fingerprint,
    startedAt: row.started_at,
    endsAt: row.ends_at,
    outcome: row.outcome,
    outcomeAt: row.outcome_at,
  };
}
