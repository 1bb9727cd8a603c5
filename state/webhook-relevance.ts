/** What of an outgoing webhook is still true when it is sent: it waited in the outbox, and its event may be days old. */
import type { PlainWebhookType } from './effect-kinds.ts';
import { subscriptionData } from './effects.ts';
import { whyNotSent, type Present } from './mail-relevance.ts';

/**
 * What is told: what happened, with the subscription as it is now, and without an attempt that is over. The reason where it
 * asks for something that no one can do any more.
 */
export function webhookAsOfNow(
  type: PlainWebhookType,
  stored: Readonly<Record<string, unknown>>,
  { subscription, now }: Pick<Present, 'subscription' | 'now'>,
): { data: Record<string, unknown> } | { why: string } {
  const mail = MAIL_OF[type];
  const why = mail ? whyNotSent(mail, stored, { subscription, now, isEnding: false }) : null;
  if (why !== null) return { why };
  const data = { ...stored };
  if (subscription && 'state' in stored) {
    Object.assign(data, subscriptionData({ event: null, after: subscription }));
  }
  const next = Date.parse(String(stored['nextAttemptAt']));
  if (next <= now || subscription?.state === 'canceled') {
    if ('nextAttemptAt' in stored) data['nextAttemptAt'] = null;
  }
  return { data };
}

/** Those that ask for something to be done, with the mail that asks the customer for the same. */
const MAIL_OF: Partial<Record<PlainWebhookType, 'mail.trial_ending' | 'mail.action_required'>> = {
  'trial.ending': 'mail.trial_ending',
  'payment.action_required': 'mail.action_required',
};
