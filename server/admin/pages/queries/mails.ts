import { findCustomerByUser } from '../../../../db/customers.ts';
import { findMail, type MailRow } from '../../../../db/mails.ts';
import type { EffectPayloads, MailKind } from '../../../../state/effect-kinds.ts';
import { asOfNow } from '../../../../state/mail-relevance.ts';
import type { Services } from '../../../lib/services.ts';
import { contextOf } from '../../../outbox/mails/context.ts';
import { renderMail } from '../../../outbox/mails/render.ts';
import type { MailView } from '../views/mail.ts';
import type { MailItem } from '../views/mails.ts';

/** A mail with its state and, where it was not sent, why. */
export function mailItem(row: MailRow): MailItem {
  return {
    id: row.id,
    kind: row.kind,
    accountId: row.accountId,
    state: stateOf(row),
    reason: row.lastError,
    attempts: row.attempts,
    createdAt: row.createdAt,
    deliveredAt: row.deliveredAt,
    nextAttemptAt: row.status === 'waiting' ? row.nextAttemptAt : null,
  };
}

/** What is delivered with a note had nothing to be sent. */
function stateOf({ status, lastError }: MailRow): MailItem['state'] {
  if (status === 'delivered') return lastError === null ? 'sent' : 'not sent';
  return status;
}

/** One mail as it was sent, or as it would look now; null when there is none. */
export async function mailView(services: Services, id: number): Promise<MailView | null> {
  const db = services.database.knex;
  const row = await findMail(db, id);
  if (!row) return null;
  const { kind, sent } = row;
  const payload = row.payload as unknown as EffectPayloads[MailKind];
  const account = row.accountId === null ? null : await findCustomerByUser(db, row.accountId);
  const shared = { item: mailItem(row), cause: row.causeId };
  if (sent) return { ...shared, look: sent, isSent: true };
  const now = asOfNow(kind, payload, { now: services.clock.now() });
  const mail = renderMail(now.kind, {
    ...contextOf(services, payload.plan, account),
    payload: now.payload,
  });
  return { ...shared, look: { to: account?.email ?? null, ...mail }, isSent: false };
}
