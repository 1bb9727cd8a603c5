import { listMails, type MailRow } from '../../../../db/mails.ts';
import type { Db } from '../../../../db/database.ts';
import type { EffectPayloads } from '../../../../state/effect-kinds.ts';
import type { Stored } from '../../../../state/mail-relevance.ts';

/** What the mails of an account know of its invoices: Stripe is not asked while a page is made. */
export interface ToldInvoices {
  /** Numbers of invoices by their ids. */
  numbers: ReadonlyMap<string, string>;
  /** By `invoice:attempt`. */
  attempts: ReadonlyMap<string, number>;
}

export const NOTHING_TOLD: ToldInvoices = {
  numbers: new Map(),
  attempts: new Map(),
};

type Payload = Stored<EffectPayloads['mail.payment_failed']>;
const MAILS = 100;

export async function toldInvoices(db: Db, accountId: string | null): Promise<ToldInvoices> {
  const mails = accountId === null ? [] : await listMails(db, { accountId, limit: MAILS });
  const numbers = new Map<string, string>();
  const attempts = new Map<string, number>();
  for (const { kind, payload } of mails as (MailRow & { payload: Payload })[]) {
    const { invoiceId, number, attempt } = payload;
    if (!invoiceId) continue;
    if (number) numbers.set(invoiceId, number);
    if (kind !== 'mail.payment_failed' && kind !== 'mail.payment_failed_final') continue;
    const parsed = Date.parse(payload.nextAttemptAt ?? '');
    const nextAttemptAt = Number.isNaN(parsed) ? null : parsed;
    if (nextAttemptAt !== null) attempts.set(`${invoiceId}:${attempt}`, nextAttemptAt);
  }
  return { numbers, attempts };
}
