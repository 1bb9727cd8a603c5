import type { Db } from './database.ts';

/** What of an event's past a history is told from: the subscription itself, its schedules, its payments. */
const TOLD_TYPES = [
  'customer.subscription.%',
  'subscription_schedule.%',
  'invoice.payment_failed',
  'invoice.paid',
  'checkout.session.completed',
];

export interface PastEvents {
  /** Newest first. */
  payloads: string[];
  /** False when there are more. */
  complete: boolean;
}

/** What Stripe sent about each subscription and was processed before; the newest `limit` of each. */
export async function pastEventsOf(
  db: Db,
  subscriptionIds: string[],
  limit: number,
): Promise<Map<string, PastEvents>> {
  if (subscriptionIds.length === 0) return new Map();
  const numbered = db('webhook_events')
    .whereIn('subscription_id', subscriptionIds)
    .whereNot({ status: 'waiting' })
    .where((types) => {
      for (const type of TOLD_TYPES) void types.orWhereLike('type', type);
    })
    .select(
      'subscription_id',
      'payload',
      db.raw(
        'row_number() OVER (PARTITION BY subscription_id ORDER BY created_at DESC, id DESC) AS nth',
      ),
    );
  const rows: { subscription_id: string; payload: string }[] = await db
    .from(numbered.as('numbered'))
    .where('nth', '<=', limit)
    .orderBy('nth')
    .select('subscription_id', 'payload');
  return new Map(
    subscriptionIds.map((id) => {
      const own = rows.filter((row) => row.subscription_id === id);
      return [
        id,
        { payloads: own.map(({ payload }) => payload), complete: own.length < limit },
      ] as const;
    }),
  );
}

/** What tells how a subscription was: itself, its schedules, its invoices. */
const KEPT_TYPES = ['customer.subscription.%', 'subscription_schedule.%', 'invoice.%'];

export interface KeptEventRow {
  payload: string;
  /** When it was processed; null while it waits. */
  processedAt: number | null;
}

/** The stored events that tell how one subscription was, newest first. */
export async function keptEventsOf(
  db: Db,
  subscriptionId: string,
  limit: number,
): Promise<KeptEventRow[]> {
  const rows: { payload: string; processed_at: number | null }[] = await db('webhook_events')
    .where({ subscription_id: subscriptionId })
    .where((types) => {
      for (const type of KEPT_TYPES) void types.orWhereLike('type', type);
    })
    .orderBy([
      { column: 'created_at', order: 'desc' },
      { column: 'id', order: 'desc' },
    ])
    .limit(limit)
    .select('payload', 'processed_at');
  return rows.map(({ payload, processed_at: processedAt }) => ({ payload, processedAt }));
}
