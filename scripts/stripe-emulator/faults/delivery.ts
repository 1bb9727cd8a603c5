import type { Account } from '../kernel/account.ts';
import type { EventRecord } from '../kernel/events.ts';
import type { DeliveryFault } from '../kernel/webhooks.ts';
import { FaultRules } from './rules.ts';

const rules = new WeakMap<Account, FaultRules>();

/** The faults of an account; without any, all lookups are cheap. */
export function rulesOf(account: Account): FaultRules {
  const known = rules.get(account) ?? new FaultRules();
  rules.set(account, known);
  return known;
}

/** What the account's faults do to the delivery of an event, all of them together. */
export function deliveryFault(account: Account, event: EventRecord): DeliveryFault | undefined {
  const struck = rules.get(account)?.forEvent(event.type) ?? [];
  if (struck.length === 0) return undefined;
  const result: DeliveryFault = {};
  for (const fault of struck) {
    if (fault.type === 'webhook_drop') result.drop = true;
    if (fault.type === 'webhook_duplicate') result.copies = fault.copies;
    if (fault.type === 'webhook_delay') result.delayMs = (result.delayMs ?? 0) + fault.ms;
    if (fault.type === 'webhook_shuffle')
      result.delayMs = (result.delayMs ?? 0) + Math.floor(Math.random() * fault.ms);
  }
  return result;
}
