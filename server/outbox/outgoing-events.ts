/**
 * What the team's own system is told, type by type: the `webhooks` of the OpenAPI document and the types of the client are
 * made from it. The compiler ties each schema to what is sent (state/effect-kinds.ts).
 */
import { z } from 'zod';
import type { WebhookData, WebhookType } from '../../state/effect-kinds.ts';
import { LIFECYCLE_EVENTS, LIFECYCLE_STATES } from '../../state/types.ts';
import type { WebhookDescription } from '../http/openapi-webhooks.ts';

const time = z.iso.datetime();
const text = z.string().nullable();

const recipient = {
  userId: text.describe('The account; null while it is not known.'),
  customerId: text,
  plan: text.describe('The id of the plan; null for a price that no plan names.'),
};

/** The subscription as it is when the message is sent. */
const subscription = {
  ...recipient,
  subscriptionId: text,
  state: z.enum(LIFECYCLE_STATES).nullable(),
  status: z
    .enum(LIFECYCLE_STATES)
    .exclude(['none', 'downgrading'])
    .nullable()
    .describe('The status at Stripe, and `cancel_pending` once it will end.'),
  interval: text as z.ZodType<WebhookData['subscription.changed']['interval']>,
};

const invoice = {
  invoiceId: z.string(),
  number: text,
  amountDue: z.int().describe('What was due with it, in minor units.'),
  amountPaid: z.int(),
  currency: z.string(),
  hostedUrl: text.describe('Where the customer can see and pay it.'),
  pdfUrl: text.describe('Where the PDF is.'),
  billingReason: text.describe('Why Stripe made it, such as `subscription_cycle`.'),
};
const ofInvoice = z.object({ ...subscription, ...invoice });

const moneyReturn = z.object({
  ...recipient,
  id: z.string().describe('The refund, dispute, warning or credit note at Stripe.'),
  subscriptionId: text,
  invoiceId: text,
  chargeId: text,
  amount: z.int(),
  currency: z.string(),
  status: z.string().describe('How it stands, as Stripe says.'),
  reason: text.describe('Why, as Stripe says.'),
});

const changed = z.object({
  ...subscription,
  subscriptionId: z.string(),
  number: z
    .number()
    .describe(
      'The place of the line in the history of its subscription: the highest is the newest.',
    ),
  confirmed: z.boolean().describe('False while no event of Stripe explains the change.'),
  from: z.enum(LIFECYCLE_STATES).describe('The state before.'),
  to: z.enum(LIFECYCLE_STATES).describe('The state after.'),
  event: z.enum(LIFECYCLE_EVENTS).describe('What happened, in the terms of the lifecycle.'),
  access: z.object({ level: z.enum(['full', 'grace', 'none']), until: text, reason: z.string() }),
  cause: z.object({ type: z.string().describe('`event`, `request` or `read`.'), id: z.string() }),
  actor: text,
  requestId: text,
  unexpected: z.boolean(),
  late: z.boolean(),
});

const purchase = z.object({
  id: z.string().describe('The Checkout session that paid for it.'),
  userId: z.string(),
  customerId: text,
  product: z.string(),
  quantity: z.int(),
  amount: z.int().describe('What was paid, in minor units: after discounts, with tax.'),
  currency: z.string(),
  metadata: z.record(z.string(), z.string()).describe('What your application gave the checkout.'),
});

const usageThreshold = z.object({
  ...recipient,
  meter: z.string(),
  recorded: z.number().describe('What was used of the meter in the period.'),
  threshold: z.number().describe('What it has reached, as the plans file says.'),
  isCap: z.boolean().describe('Whether more is refused by now.'),
  periodStart: time,
  periodEnd: time.nullable(),
});

const SCHEMAS: { readonly [T in WebhookType]: [string, z.ZodType<WebhookData[T]>] } = {
  'subscription.changed': ['A subscription moved: one line of its history', changed],
  'subscription.canceled': [
    'A subscription ended',
    z.object({
      ...subscription,
      endedAt: time.describe('When it ended.'),
      reason: text.describe('Why it ended, as Stripe says.'),
    }),
  ],
  'trial.ending': [
    'A trial ends in about three days',
    z.object({ ...subscription, trialEnd: time }),
  ],
  'payment.succeeded': ['An invoice was paid', ofInvoice],
  'payment.failed': [
    'A payment failed',
    z.object({
      ...subscription,
      ...optional(invoice),
      attempt: z.int(),
      maxAttempts: z.int().describe('After how many the subscription ends.'),
      nextAttemptAt: time.nullable(),
      declineCode: text,
      final: z.boolean().describe('Whether it was the last attempt.'),
    }),
  ],
  'payment.action_required': ['The customer has to confirm a payment', ofInvoice],
  'payment.recovered': [
    'A payment that had failed was made',
    z.object({ ...subscription, ...optional(invoice) }),
  ],
  'payment.after_end': ['A payment came for a subscription that had ended', ofInvoice],
  'payment.refunded': ['Money was returned', moneyReturn],
  'payment.fraud_warning': ['The bank reports that a payment may be fraud', moneyReturn],
  'dispute.opened': ['A dispute was opened, or moved on', moneyReturn],
  'dispute.won': ['A dispute was won', moneyReturn],
  'dispute.lost': ['A dispute was lost', moneyReturn],
  'credit_note.issued': ['A credit note was issued', moneyReturn],
  'purchase.completed': ['Something that is sold once was paid', purchase],
  'usage.threshold': ['Usage of a period has reached an alert or the cap', usageThreshold],
};

function optional<S extends Record<string, z.ZodType>>(shape: S) {
  return z.object(shape).partial().shape;
}

/** Every type of outgoing event: what it tells, and the schema of the message. */
export const OUTGOING_EVENTS = Object.fromEntries(
  Object.entries(SCHEMAS).map(([type, [summary, data]]): [string, WebhookDescription] => [
    type,
    {
      summary,
      message: z.object({
        type: z.literal(type).describe('Which event it is.'),
        timestamp: time.describe('When it happened, at Stripe.'),
        data: data.describe('What happened, and the subscription as it is by now.'),
      }),
    },
  ]),
) as Readonly<Record<WebhookType, WebhookDescription>>;
