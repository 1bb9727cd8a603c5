import { forgetDetails, idsOfAccount, rewriteTexts } from '../../db/account-data.ts';
import { recordAudit } from '../../db/audit-log.ts';
import { findCustomerByUser } from '../../db/customers.ts';
import { findSubscriptions } from '../../db/subscriptions.ts';
import { redact, redactAct } from '../../state/redact.ts';
import { STATES } from '../../state/states.ts';
import type { Services } from '../lib/services.ts';

export interface ForgetResult {
  /** Events, mails and lines of the history from which something was taken out. */
  redacted: number;
  /** Customers that Stripe still may have, with all that it knows. */
  customerIds: string[];
}

/** The account cannot be forgotten: it is not here, or it pays. */
export class CannotForget extends Error {
  override name = 'CannotForget';
}

/**
 * Takes personal data out of the database: e-mail and name, and what events, mails, the history and operators say of the customer. Ids, states,
 * times and amounts stay, for the books. Changes nothing at Stripe. Throws CannotForget.
 */
export async function forgetAccount(
  services: Services,
  { accountId, actor }: { accountId: string; actor: string },
): Promise<ForgetResult> {
  const { knex } = services.database;
  const ids = await idsOfAccount(knex, accountId);
  if (!(await findCustomerByUser(knex, accountId)) && ids.subscriptionIds.length === 0) {
    throw new CannotForget(`There is no account ${accountId}.`);
  }
  const subscriptions = await findSubscriptions(knex, ids.subscriptionIds);
  const live = subscriptions.find(({ state, foreign }) => STATES[state].open && !foreign);
  if (live) {
    throw new CannotForget(`${accountId} has the live subscription ${live.id}; cancel it first.`);
  }
  const { metadataKeys } = services.config.ownership;
  const kept = new Set([...metadataKeys, 'tenure_account', 'tenure_deployment']);
  const redacted = await rewriteTexts(knex, ids, (text, table) => {
    if (table === 'purchases') return '{}';
    return rewritten(text, table === 'audit_log' ? redactAct : (value) => redact(value, kept));
  });
  await forgetDetails(knex, accountId);
  await recordAudit(knex, {
    actor,
    action: 'account.forget',
    target: accountId,
    detail: { redacted },
  });
  services.access.invalidate(accountId);
  return { redacted, customerIds: ids.customerIds };
}

function rewritten(text: string, redacted: (value: unknown) => unknown): string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // No event of Stripe: nothing says which part of it is personal.
    return '{}';
  }
  return JSON.stringify(redacted(value));
}
