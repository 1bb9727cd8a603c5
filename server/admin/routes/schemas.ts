import { z } from 'zod';
import { LIFECYCLE_EVENTS, LIFECYCLE_STATES } from '../../../state/types.ts';

/** What the admin API answers: the dashboard's own views, with times as ISO 8601. */
export const state = z.enum(LIFECYCLE_STATES);
export const lifecycleEvent = z.enum(LIFECYCLE_EVENTS);
export const time = z.iso.datetime();

export const access = z.object({
  level: z.enum(['full', 'grace', 'none']),
  until: time.nullable(),
  reason: z.string(),
});

const detail = z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()]));

const step = z.object({
  from: state,
  to: state,
  event: lifecycleEvent,
  unexpected: z.boolean(),
  late: z.boolean(),
  cause: z.object({ type: z.string(), id: z.string() }),
  actor: z.string(),
  requestId: z.string().nullable(),
  at: time,
  detail,
  invoiceNumber: z.string().nullable().describe('Of the invoice that it is about'),
  nextAttemptAt: time.nullable().describe('When its payment is tried again'),
});

export const subscriptionListItem = z.object({
  id: z.string(),
  customerId: z.string(),
  email: z.string().nullable(),
  state,
  plan: z.string().nullable(),
  price: z.string(),
  access,
  since: time,
  periodEnd: time.nullable(),
  duplicate: z.boolean(),
});

export const subscriptionDetails = z.object({
  id: z.string(),
  customerId: z.string(),
  userId: z.string().nullable(),
  email: z.string().nullable(),
  state,
  stripeStatus: z.string(),
  plan: z.string().nullable(),
  price: z.string(),
  kept: z.array(z.string()).describe('What was sold with the plan and is not any more'),
  access,
  since: time,
  createdAt: time,
  periodEnd: time.nullable(),
  trialEnd: time.nullable(),
  pending: z.array(z.string()),
  mrr: z.string(),
  failedAttempts: z.int(),
  duplicate: z.boolean(),
  metadata: z.record(z.string(), z.string()),
  stripeUrl: z.string().nullable(),
  steps: z.array(step),
  cut: z.boolean(),
  next: z
    .array(z.object({ from: state, to: state, at: time, words: z.string() }))
    .describe('What is known to come next, soonest first'),
  returns: z
    .array(
      z.object({
        kind: z.string().describe('refund, dispute, early_fraud_warning or credit_note'),
        amount: z.string(),
        status: z.string(),
        reason: z.string().nullable(),
        at: time,
      }),
    )
    .describe('Money that came back, oldest first'),
  restriction: z
    .string()
    .nullable()
    .describe('disputed or refunded, while that takes the access away'),
  allowed: z.array(z.object({ event: lifecycleEvent, to: state, description: z.string() })),
  actions: z.array(z.string()),
  usage: z.array(z.object({ meter: z.string(), recorded: z.string(), acknowledged: z.string() })),
  others: z.array(z.object({ id: z.string(), state })),
});

const eventStatus = z.enum(['waiting', 'failed', 'dead', 'done', 'ignored']);

export const eventListItem = z.object({
  id: z.string(),
  type: z.string(),
  status: eventStatus,
  subscriptionId: z.string().nullable(),
  moved: z.array(z.string()),
  attempts: z.int(),
  lastError: z.string().nullable(),
  flags: z.array(z.string()),
  receivedAt: time,
});

export const eventDetails = z.object({
  id: z.string(),
  type: z.string(),
  status: eventStatus,
  customer: z.string(),
  subscriptionId: z.string().nullable(),
  objectId: z.string().nullable(),
  apiVersion: z.string().nullable(),
  livemode: z.boolean(),
  account: z.string().nullable(),
  flags: z.array(z.string()),
  source: z.string(),
  createdAt: time,
  receivedAt: time,
  processedAt: time.nullable(),
  nextAttemptAt: time.nullable(),
  attempts: z.int(),
  lastError: z.string().nullable(),
  failures: z.array(z.object({ attempt: z.int(), failedAt: time, error: z.string() })),
  moved: z.array(
    z.object({
      from: state,
      to: state,
      event: lifecycleEvent,
      subscriptionId: z.string(),
      unexpected: z.boolean(),
    }),
  ),
  effects: z.array(
    z.object({
      kind: z.string(),
      objectId: z.string(),
      status: z.string(),
      attempts: z.int(),
      lastError: z.string().nullable(),
      deliveredAt: time.nullable(),
    }),
  ),
  headers: z.record(z.string(), z.string()),
  /** Indented JSON, or the text as it came. */
  payload: z.string(),
});
