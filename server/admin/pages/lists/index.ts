import { accounts } from './accounts.ts';
import { failing, leaving, renewals, trials } from './boards.ts';
import { invoices } from './invoices.ts';
import { mails } from './mails.ts';
import { subscriptions } from './subscriptions.ts';
import { webhooks } from './webhooks.ts';
import type { List } from './list.ts';

/** Every list: a page, and an export of the same name. */
export const LISTS: readonly List<unknown>[] = [
  accounts,
  subscriptions,
  invoices,
  mails,
  webhooks,
  failing,
  trials,
  renewals,
  leaving,
];

export function listNamed(name: string): List<unknown> | null {
  return LISTS.find((list) => list.name === name) ?? null;
}
