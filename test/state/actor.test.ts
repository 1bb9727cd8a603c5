import { describe, expect, it } from 'vitest';
import { readEvent } from '../../state/event-facts.ts';
import { actorOf } from '../../state/history/actor.ts';
import type { Transition } from '../../state/types.ts';
import { rawEvent, rawSubscription } from './factories.ts';

const COMMAND = 'a'.repeat(20);
const commands = new Map([
  [COMMAND, { name: 'operator:ann', account: 'user_1', requestId: 'req_1' }],
]);

function actor(
  event: Transition['event'],
  given: {
    request?: string;
    key?: string;
    from?: Transition['from'];
    reason?: string;
    type?: string;
    previous?: object;
    schedule?: string;
  },
): string {
  const { request, key, from = 'active', reason, schedule = null } = given;
  const { type = 'customer.subscription.updated', previous } = given;
  const object = rawSubscription({
    status: 'canceled',
    schedule,
    cancellation_details: { reason: reason ?? null, comment: null, feedback: null },
  });
  const made = request === undefined ? null : { id: request, idempotency_key: key ?? null };
  const data = { object, ...(previous === undefined ? {} : { previous_attributes: previous }) };
  const facts = readEvent(rawEvent(type, object, { request: made, data }));
  const move = { from, to: 'canceled', event, unexpected: false, late: false, detail: {} } as const;
  return actorOf(facts, move, commands).name;
}

describe('P-3, P-25: who moved a subscription, as far as Stripe says so', () => {
  it.each([
    [
      'a command, by the key of its request',
      { key: `tenure-cancel-req_1-c${COMMAND}-abc` },
      'operator:ann',
    ],
    [
      'a command that is not remembered',
      { key: `tenure-cancel-req_1-c${'b'.repeat(20)}-abc` },
      'system',
    ],
    ['what follows from a dispute', { key: 'tenure-dispute-du_1-uuid' }, 'system'],
    ['the end of dunning', { key: 'tenure-final-in_1-uuid' }, 'dunning'],
    ['another program', { key: 'stripe-node-retry-uuid' }, 'dashboard'],
    ['the Dashboard', {}, 'dashboard'],
  ])('%s', (_, given, name) => {
    expect(actor('canceled', { request: 'req_stripe', ...given })).toBe(name);
  });

  it.each([
    [
      'an end that the customer asked for',
      'canceled',
      { reason: 'cancellation_requested' },
      'portal',
    ],
    [
      'the same while past due',
      'canceled',
      { from: 'past_due', reason: 'cancellation_requested' },
      'portal',
    ],
    [
      'the same before a scheduled end',
      'canceled',
      { from: 'cancel_pending', reason: 'cancellation_requested' },
      'portal',
    ],
    ['an end for a dispute', 'canceled', { reason: 'payment_disputed' }, 'stripe'],
    [
      'the end of a period',
      'period_ended',
      { from: 'cancel_pending', reason: 'cancellation_requested' },
      'stripe',
    ],
    [
      'the last attempt',
      'retries_exhausted',
      { from: 'past_due', reason: 'payment_failed' },
      'dunning',
    ],
    ['a scheduled cancel', 'cancel_scheduled', {}, 'portal'],
    [
      'an end that was agreed long before, with its last period',
      'cancel_scheduled',
      { previous: { latest_invoice: 'in_0' } },
      'stripe',
    ],
    ['an end that is new', 'cancel_scheduled', { previous: { cancel_at: 1 } }, 'portal'],
    ['the next phase of a schedule in a trial', 'upgraded', { schedule: 'sub_sched_1' }, 'stripe'],
    [
      'a new subscription after one that ended',
      'reactivated',
      { from: 'canceled', type: 'customer.subscription.created' },
      'stripe',
    ],
    ['a renewal', 'renewed', {}, 'stripe'],
  ] as const)('without a request: %s', (...[, event, given, name]) => {
    expect(actor(event, given)).toBe(name);
  });
});
