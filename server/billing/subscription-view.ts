import { z } from 'zod';
import { accessOf } from '../../state/access.ts';
import { allowedActions } from '../../state/actions.ts';
import { endOf, stoppedForDebt } from '../../state/lifecycle.ts';
import { addonOf, planOfFacts, planOfPrice, type Catalogue } from '../../state/catalogue.ts';
import { planEntry } from '../../state/plan-change.ts';
import {
  LIFECYCLE_STATES,
  type Access,
  type StoredSubscription,
  type SubscriptionFacts,
} from '../../state/types.ts';
import { intervalText } from '../catalogue/interval-schema.ts';
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
  addons: z
    .array(z.object({ id: z.string(), priceId: z.string(), quantity: z.int() }))
    .describe('All that there will be then'),
  at: time,
});

export const subscriptionSchema = z.object({
  id: z.string(),
  state: z.enum(LIFECYCLE_STATES),
  status: z.string(),
  plan: z.string().nullable(),
  interval: intervalText.nullable(),
  priceId: z.string().nullable(),
  quantity: z.int().nullable(),
  currency: z.string().describe('It stays for the life of the subscription'),
  addons: z.array(z.object({ id: z.string(), priceId: z.string(), quantity: z.int() })),
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
    currency: facts.currency,
    addons: addonsIn(services.catalogue, facts.items),
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

function addonsIn(
  catalogue: Catalogue,
  items: readonly { priceId: string; quantity: number | null; productId?: string | null }[],
): SubscriptionView['addons'] {
  return items.flatMap(({ priceId, quantity, productId = null }) => {
    const addon = addonOf(catalogue, { priceId, productId });
    return addon ? [{ id: addon.id, priceId, quantity: quantity ?? 1 }] : [];
  });
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
  { facts }: StoredSubscription,
): SubscriptionView['pendingChange'] {
  const { nextPhase, pendingUpdate } = facts;
  const change = pendingUpdate ?? nextPhase;
  if (!change) return null;
  const { priceId, quantity } = planEntry(catalogue, facts, change.items ?? []) ?? change;
  const plan = priceId === null ? null : planOfPrice(catalogue, priceId);
  return {
    kind: pendingUpdate ? 'awaiting_payment' : 'scheduled',
    plan: plan?.plan.id ?? null,
    interval: plan?.interval ?? null,
    priceId,
    quantity,
    addons: addonsIn(catalogue, change.items ?? []),
    at: isoTime('at' in change ? change.at : change.expiresAt),
  };
}
