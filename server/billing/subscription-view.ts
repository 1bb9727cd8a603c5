import { z } from 'zod';
import { accessOf } from '../../state/access.ts';
import { allowedActions } from '../../state/actions.ts';
import { endOf, stoppedForDebt } from '../../state/lifecycle.ts';
import { planOfFacts, planOfPrice, type Catalogue } from '../../state/catalogue.ts';
import {
  LIFECYCLE_STATES,
  type Access,
  type StoredSubscription,
  type SubscriptionFacts,
} from '../../state/types.ts';
import type { Services } from '../lib/services.ts';

const time = z.iso.datetime().nullable();

export const accessSchema = z.object({
  level: z.enum(['full', 'grace', 'none']),
  until: time,
  reason: z.string(),
});

const pendingChangeSchema = z.object({
  /** `scheduled` at a time, or `awaiting_payment` until a time. */
  kind: z.enum(['scheduled', 'awaiting_payment']),
  plan: z.string().nullable(),
  interval: z.string().nullable(),
  priceId: z.string().nullable(),
  quantity: z.int().nullable(),
  at: time,
});

export const subscriptionSchema = z.object({
  id: z.string(),
  state: z.enum(LIFECYCLE_STATES),
  status: z.string(),
  plan: z.string().nullable(),
  interval: z.enum(['monthly', 'yearly']).nullable(),
  priceId: z.string().nullable(),
  quantity: z.int().nullable(),
  currentPeriodEnd: time,
  trialEnd: time,
  cancelAt: time,
  pendingChange: pendingChangeSchema.nullable(),
  /** An open invoice: `GET /api/billing/invoices/:id` has the link to pay or confirm it. */
  unpaidInvoiceId: z.string().nullable(),
  access: accessSchema,
  actions: z.array(z.string()),
  since: z.iso.datetime(),
});
export type SubscriptionView = z.infer<typeof subscriptionSchema>;

export const subscriptionAnswer = z.object({ subscription: subscriptionSchema.nullable() });

/** A stored subscription as the API shows it; actions and access hold for now. */
export function subscriptionView(
  services: Pick<Services, 'catalogue' | 'clock' | 'config'>,
  stored: StoredSubscription,
): SubscriptionView {
  const { facts } = stored;
  const found = planOfFacts(services.catalogue, facts);
  const item =
    facts.items.find(({ priceId }) => priceId === found?.price.priceId) ?? facts.items[0];
  const access = accessOf(stored, { now: services.clock.now(), grace: services.config.grace });
  return {
    id: stored.id,
    state: stored.state,
    status: stored.status,
    plan: stored.plan,
    interval: found?.interval ?? null,
    priceId: item?.priceId ?? null,
    quantity: item?.quantity ?? null,
    currentPeriodEnd: isoTime(facts.currentPeriodEnd),
    trialEnd: isoTime(facts.trialEnd),
    cancelAt: isoTime(endOf(facts)),
    pendingChange: pendingChange(services.catalogue, stored),
    unpaidInvoiceId: unpaidInvoiceOf(facts),
    access: accessView(access),
    actions: allowedActions(stored, { accessNow: access }),
    since: new Date(stored.since).toISOString(),
  };
}

/** The invoice to pay: the debt for which collection was stopped, else the latest one that is open. */
function unpaidInvoiceOf(facts: SubscriptionFacts): string | null {
  const debt = stoppedForDebt(facts);
  if (debt !== null) return debt;
  return facts.latestInvoice?.status === 'open' ? facts.latestInvoiceId : null;
}

export function accessView(access: Access): z.infer<typeof accessSchema> {
  return { level: access.level, until: isoTime(access.until), reason: access.reason };
}

/** ISO 8601 of milliseconds, or null. */
export function isoTime(milliseconds: number | null): string | null {
  return milliseconds === null ? null : new Date(milliseconds).toISOString();
}

function pendingChange(
  catalogue: Catalogue,
  { facts: { nextPhase, pendingUpdate } }: StoredSubscription,
): SubscriptionView['pendingChange'] {
  const change = pendingUpdate ?? nextPhase;
  if (!change) return null;
  const plan = change.priceId === null ? null : planOfPrice(catalogue, change.priceId);
  return {
    kind: pendingUpdate ? 'awaiting_payment' : 'scheduled',
    plan: plan?.plan.id ?? null,
    interval: plan?.interval ?? null,
    priceId: change.priceId,
    quantity: change.quantity,
    at: isoTime('at' in change ? change.at : change.expiresAt),
  };
}
