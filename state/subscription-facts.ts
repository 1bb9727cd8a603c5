/** Reads a Stripe subscription, whichever API version wrote it (2020-03-02 to 2026-10-28.endive). */
import {
  asInteger,
  asList,
  asMetadata,
  asObject,
  asText,
  asTime,
  at,
  idOf,
  type Json,
} from './raw.ts';
import type {
  BillingInterval,
  InvoiceLine,
  ItemFacts,
  ItemsThen,
  SubscriptionFacts,
} from './types.ts';

/**
 * Facts of a subscription object from an API answer or a webhook payload.
 * Throws a TypeError naming the missing part when the object is no subscription.
 */
export function readSubscription(object: unknown): SubscriptionFacts {
  const raw = asObject(object);
  if (!raw) throw new TypeError('Not a Stripe subscription: no object');
  if (raw['object'] !== undefined && raw['object'] !== 'subscription') {
    throw new TypeError(`Not a Stripe subscription: object is ${JSON.stringify(raw['object'])}`);
  }
  const id = need(raw, 'id', asText(raw['id']));
  const items = readItems(raw);
  const schedule = asObject(raw['schedule']);
  const period = readPeriod(raw, items);
  const { latestInvoiceLines, latestInvoiceTimes } = readInvoiceDetails(raw['latest_invoice']);
  return {
    id,
    customerId: need(raw, 'customer', idOf(raw['customer'])),
    stripeStatus: need(raw, 'status', asText(raw['status'])),
    items,
    currency: (asText(raw['currency']) ?? items[0]?.currency ?? '').toLowerCase(),
    currentPeriodStart: period.currentPeriodStart,
    currentPeriodEnd: period.currentPeriodEnd,
    trialStart: asTime(raw['trial_start']),
    trialEnd: asTime(raw['trial_end']),
    cancelAt: asTime(raw['cancel_at']),
    cancelAtPeriodEnd: raw['cancel_at_period_end'] === true,
    canceledAt: asTime(raw['canceled_at']),
    endedAt: asTime(raw['ended_at']),
    cancellationReason: asText(at(raw, 'cancellation_details', 'reason')),
    pauseReason: asText(at(raw, 'status_details', 'paused', 'subscription', 'type')),
    pauseCollection: readPauseCollection(raw['pause_collection']),
    scheduleId: idOf(raw['schedule']),
    nextPhase: schedule ? nextPhaseOf(schedule, items) : null,
    scheduleExpanded:
      schedule !== null || raw['schedule'] === null || raw['schedule'] === undefined,
    pendingUpdate: readPendingUpdate(raw['pending_update']),
    latestInvoiceId: idOf(raw['latest_invoice']),
    latestInvoice: readLatestInvoice(raw['latest_invoice']),
    latestInvoiceLines,
    latestInvoiceTimes,
    collectionMethod:
      asText(raw['collection_method']) ?? asText(raw['billing']) ?? 'charge_automatically',
    defaultPaymentMethodId: idOf(raw['default_payment_method']) ?? idOf(raw['default_source']),
    cardFingerprint: methodFingerprint(raw['default_payment_method']),
    billingMode: readBillingMode(raw['billing_mode']),
    metadata: asMetadata(raw['metadata']),
    livemode: raw['livemode'] === true,
    createdAt: asTime(raw['created']) ?? 0,
    // Known once the plan is; named here, because facts are copied often and a new key makes that slow.
    planItemId: undefined,
    planInvoice: undefined,
  };
}

/**
 * By what two saved methods are known to be one: the fingerprint of a card (in a wallet as well) or of a bank account, or
 * who pays with a wallet. Null when Stripe does not say.
 */
export function methodFingerprint(method: unknown): string | null {
  const type = asText(at(method, 'type')) ?? 'card';
  const fingerprint = asText(at(method, type, 'fingerprint'));
  if (fingerprint !== null) return fingerprint;
  const payer = ['payer_id', 'buyer_id', 'email', 'payer_email']
    .map((name) => asText(at(method, type, name)))
    .find((each) => each !== null);
  return payer ? `${type}:${payer.toLowerCase()}` : null;
}

/**
 * The first phase after the present one that changes price or quantity; null when there is none.
 * `schedule` is a `subscription_schedule` object. A schedule that has ended changes nothing any more.
 */
export function nextPhaseOf(
  schedule: Json,
  items: readonly ItemFacts[],
): SubscriptionFacts['nextPhase'] {
  const status = asText(schedule['status']);
  if (status !== null && status !== 'active' && status !== 'not_started') return null;
  const currentEnd = asTime(at(schedule, 'current_phase', 'end_date'));
  for (const phase of asList(schedule['phases'])) {
    const start = asTime(at(phase, 'start_date'));
    if (start === null || (currentEnd !== null && start < currentEnd)) continue;
    const entries = phaseEntries(phase);
    const change = changedItem(entries, items);
    if (change) return { ...change, at: start, ...severalItems(entries, items) };
  }
  return null;
}

type Entry = ItemsThen['items'][number];

function phaseEntries(phase: unknown): Entry[] {
  return asList(at(phase, 'items') ?? at(phase, 'plans')).flatMap((entry) => {
    const priceId = idOf(at(entry, 'price')) ?? idOf(at(entry, 'plan'));
    return priceId === null ? [] : [{ priceId, quantity: asInteger(at(entry, 'quantity')) }];
  });
}

/** The first item of a phase that is new or has another quantity; where one only ends, the first of those that stay. */
function changedItem(entries: readonly Entry[], items: readonly ItemFacts[]): Entry | null {
  const changed = entries.find(({ priceId, quantity }) => {
    const same = items.find((item) => item.priceId === priceId);
    return !same || (quantity !== null && same.quantity !== null && quantity !== same.quantity);
  });
  if (changed) return changed;
  const ends = items.some(
    (item) => !item.metered && !entries.some(({ priceId }) => priceId === item.priceId),
  );
  return ends ? (entries[0] ?? null) : null;
}

function severalItems(
  entries: readonly Entry[],
  items: readonly { metered: boolean }[],
): Partial<ItemsThen> {
  const now = items.filter(({ metered }) => !metered).length;
  return entries.length > 1 || now > 1 ? { items: [...entries] } : {};
}

function readItems(raw: Json): ItemFacts[] {
  const items: ItemFacts[] = [];
  for (const entry of asList(raw['items'])) {
    const item = asObject(entry);
    // `deleted: true` items appear in some answers for a moment; they bill nothing.
    if (item && item['deleted'] !== true) items.push(readItem(item, raw));
  }
  return items;
}

function readItem(item: Json, subscription: Json): ItemFacts {
  const price = asObject(item['price']);
  const plan = asObject(item['plan']);
  const source = price ?? plan ?? {};
  const recurring = asObject(price?.['recurring']) ?? plan ?? {};
  const unitAmount =
    price === null
      ? asInteger(plan?.['amount'] ?? plan?.['amount_decimal'])
      : asInteger(price['unit_amount'] ?? price['unit_amount_decimal']);
  const tiered = (source['billing_scheme'] ?? 'per_unit') !== 'per_unit';
  return {
    id: asText(item['id']) ?? '',
    priceId: idOf(item['price']) ?? idOf(item['plan']) ?? '',
    productId: idOf(source['product']),
    quantity: asInteger(item['quantity']),
    currency: (asText(source['currency']) ?? asText(subscription['currency']) ?? '').toLowerCase(),
    unitAmount: tiered ? null : unitAmount,
    interval: readInterval(recurring['interval']),
    intervalCount: asInteger(recurring['interval_count']) ?? 1,
    metered: recurring['usage_type'] === 'metered',
    // Moved from the subscription to its items in 2025-03-31.basil.
    periodStart:
      asTime(item['current_period_start']) ?? asTime(subscription['current_period_start']),
    periodEnd: asTime(item['current_period_end']) ?? asTime(subscription['current_period_end']),
  };
}

/** The period that ends first: what is paid next is what decides. */
function readPeriod(
  raw: Json,
  items: readonly ItemFacts[],
): { currentPeriodStart: number | null; currentPeriodEnd: number | null } {
  let first: ItemFacts | null = null;
  for (const item of items) {
    const end = item.periodEnd;
    if (end !== null && end < (first?.periodEnd ?? Infinity)) first = item;
  }
  return {
    currentPeriodStart: first?.periodStart ?? asTime(raw['current_period_start']),
    currentPeriodEnd: first?.periodEnd ?? asTime(raw['current_period_end']),
  };
}

function readPauseCollection(value: unknown): SubscriptionFacts['pauseCollection'] {
  const pause = asObject(value);
  if (!pause) return null;
  return { behavior: asText(pause['behavior']) ?? 'void', resumesAt: asTime(pause['resumes_at']) };
}

function readPendingUpdate(value: unknown): SubscriptionFacts['pendingUpdate'] {
  const pending = asObject(value);
  if (!pending) return null;
  const entries = phaseEntries({ items: pending['subscription_items'] });
  const [first] = entries;
  return {
    priceId: first?.priceId ?? null,
    quantity: first?.quantity ?? null,
    expiresAt: asTime(pending['expires_at']) ?? 0,
    ...severalItems(entries, []),
  };
}

function readLatestInvoice(value: unknown): SubscriptionFacts['latestInvoice'] {
  const invoice = asObject(value);
  if (!invoice) return null;
  const status = asText(invoice['status']);
  return {
    status,
    attemptCount: asInteger(invoice['attempt_count']) ?? 0,
    ...(status === 'open' && {
      amountRemaining: asInteger(invoice['amount_remaining']) ?? 0,
      nextAttemptAt: asTime(invoice['next_payment_attempt']),
    }),
  };
}

/** The same facts with another invoice of the subscription as its latest one. */
export function withLatestInvoice(facts: SubscriptionFacts, invoice: unknown): SubscriptionFacts {
  return {
    ...facts,
    latestInvoiceId: idOf(invoice),
    latestInvoice: readLatestInvoice(invoice),
    ...readInvoiceDetails(invoice),
  };
}

/** Lines for whole periods only: prorations, and what has no price, pay for no period. */
function readInvoiceDetails(
  value: unknown,
): Pick<SubscriptionFacts, 'latestInvoiceLines' | 'latestInvoiceTimes'> {
  const invoice = asObject(value);
  if (!invoice) return {};
  const latestInvoiceLines = asList(invoice['lines']).flatMap((line): InvoiceLine[] => {
    const parent =
      asObject(at(line, 'parent', 'subscription_item_details')) ??
      asObject(at(line, 'parent', 'invoice_item_details')) ??
      asObject(line);
    const priceId =
      asText(at(line, 'pricing', 'price_details', 'price')) ??
      idOf(at(line, 'price')) ??
      idOf(at(line, 'plan'));
    const end = asTime(at(line, 'period', 'end'));
    const whole = parent?.['proration'] !== true && priceId !== null && end !== null;
    return whole ? [{ priceId, end }] : [];
  });
  const times = { createdAt: asTime(invoice['created']), dueAt: asTime(invoice['due_date']) };
  return { latestInvoiceLines, latestInvoiceTimes: times };
}

function readBillingMode(value: unknown): SubscriptionFacts['billingMode'] {
  const type = asText(at(value, 'type'));
  return type === 'classic' || type === 'flexible' ? type : null;
}

function readInterval(value: unknown): BillingInterval {
  return value === 'day' || value === 'week' || value === 'year' ? value : 'month';
}

function need(raw: Json, field: string, value: string | null): string {
  if (value !== null) return value;
  const name = asText(raw['id']);
  throw new TypeError(`Not a Stripe subscription${name ? ` (${name})` : ''}: no ${field}`);
}
