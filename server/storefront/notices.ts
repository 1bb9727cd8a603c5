import type { ShopPlan, ShopSubscription } from './public-api.ts';
import { day, planName } from './views.ts';

/** What was asked for, as `?did=` names it. */
export type Did = 'changed' | 'canceled' | 'resumed' | 'paused' | 'back';

type Words = (subscription: ShopSubscription, plans: ShopPlan[]) => string;

const WORDS: Record<Did, Words> = {
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
};

/** What became of a command, read from the state that it led to. */
export function noticeFor(
  did: string,
  subscription: ShopSubscription | null,
  plans: ShopPlan[],
): string | null {
  if (subscription === null || !Object.hasOwn(WORDS, did)) return null;
  return WORDS[did as Did](subscription, plans);
}
