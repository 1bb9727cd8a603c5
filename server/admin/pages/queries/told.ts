import { listMails, type MailRow } from '../../../../db/mails.ts';
import type { Db } from '../../../../db/database.ts';
import type { EffectPayloads } from '../../../../state/effect-kinds.ts';
import type { Stored } from '../../../../state/mail-relevance.ts';
import { formatMoney } from '../../../../state/money.ts';
import type { ToldAttempt } from '../expected.ts';

/** What the mails of an account know of its invoices: Stripe is not asked while a page is made. */
export interface ToldInvoices {
  /** Numbers of invoices by their ids. */
  numbers: ReadonlyMap<string, string>;
  /** By `invoice:attempt`. */
  attempts: ReadonlyMap<string, number>;
  /** Of the latest failed payment of each subscription. */
  latest: ReadonlyMap<string, ToldAttempt>;
}

export const NOTHING_TOLD: ToldInvoices = {
  numbers: new Map(),
  attempts: new Map(),
  latest: new Map(),
};

type Payload = Stored<EffectPayloads['mail.payment_failed']>;
const MAILS = 100;

export async function toldInvoices(db: Db, accountId: string | null): Promise<ToldInvoices> {
  const mails = accountId === null ? [] : await listMails(db, { accountId, limit: MAILS });
  const numbers = new Map<string, string>();
  const attempts = new Map<string, number>();
  const latest = new Map<string, ToldAttempt>();
  for (const { kind, payload } of mails as (MailRow & { payload: Payload })[]) {
    const { invoiceId, number, attempt, subscriptionId } = payload;
    if (!invoiceId) continue;
    if (number) numbers.set(invoiceId, number);
    if (kind !== 'mail.payment_failed' && kind !== 'mail.payment_failed_final') continue;
    const parsed = Date.parse(payload.nextAttemptAt ?? '');
    const nextAttemptAt = Number.isNaN(parsed) ? null : parsed;
    if (nextAttemptAt !== null) attempts.set(`${invoiceId}:${attempt}`, nextAttemptAt);
    if (!subscriptionId || latest.has(subscriptionId)) continue;
    const { amountDue, currency } = payload;
    const amount = amountDue && currency ? formatMoney(amountDue, currency) : null;
    latest.set(subscriptionId, { nextAttemptAt, amount });
  }
  return { numbers, attempts, latest };
}
