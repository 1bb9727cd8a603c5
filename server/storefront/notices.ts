import type { ShopPlan, ShopSubscription } from './public-api.ts';
import { day, planName } from './views.ts';

/** What was asked for, as `?did=` names it. */
export type Did =
  | 'changed'
  | 'canceled'
  | 'resumed'
  | 'paused'
  | 'back'
  | 'discount'
  | 'bought'
  | 'purchased';

type Words = (subscription: ShopSubscription, plans: ShopPlan[]) => string;

const WORDS: Record<Exclude<Did, 'purchased'>, Words> = {
  changed: ({ currentPeriodEnd, pendingChange, plan }, plans) => {
    if (pendingChange === null) return `Your plan is now ${planName(plans, plan)}.`;
    const next = planName(plans, pendingChange.plan);
    if (pendingChange.kind === 'awaiting_payment')
      return `You change to ${next} once the payment below is made. Until then you keep your plan.`;
    return `You change to ${next} on ${day(pendingChange.at ?? currentPeriodEnd)}. Until then nothing changes.`;
  },
  canceled: ({ cancelAt, state }) =>
    state === 'canceled'
      ? 'Your subscription has ended.'
      : `Your subscription ends on ${day(cancelAt)}. You keep your access until then.`,
  resumed: ({ access }) =>
    access.level === 'none'
      ? 'Your subscription continues once the payment is made.'
      : 'Your subscription continues.',
  paused: () => 'Your subscription is paused.',
  back: ({ access }) =>
    access.level === 'none'
      ? 'Your subscription starts once the payment is made.'
      : 'Welcome back.',
  bought: ({ access, plan, state, trialEnd }, plans) => {
    const name = planName(plans, plan);
    if (state === 'trialing')
      return `Your trial of ${name} has begun. Nothing is charged before ${day(trialEnd)}.`;
    return access.level === 'none'
      ? `Your subscription to ${name} starts once the payment is made.`
      : `Your subscription to ${name} has begun.`;
  },
  discount: () => 'The code is applied to your next invoices.',
};

/** What became of a command, read from the state that it led to. */
export function noticeFor(
  did: string,
  subscription: ShopSubscription | null,
  plans: ShopPlan[],
): string | null {
  if (did === 'purchased') return 'Thank you. Your purchase is below.';
  if (subscription === null || !Object.hasOwn(WORDS, did)) return null;
  return WORDS[did as Exclude<Did, 'purchased'>](subscription, plans);
}
