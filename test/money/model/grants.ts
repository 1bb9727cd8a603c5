/** What an account has beside its subscription: what operators grant, and what it bought once. */
import type { Moment } from './ledger.ts';
import { chargesOf, keptOf, priceOf } from './observe.ts';

/** Whether a grant counts, or something that was bought once is paid and its money kept. */
function isGiven({ books, memory, now, catalogue }: Moment): boolean {
  if (memory.grants.some(({ until }) => until === null || until > now)) return true;
  return books.invoices
    .filter(({ lines }) => lines.data.some((line) => priceOf(line) === catalogue.oncePrice))
    .some((invoice) => chargesOf(invoice, books).some((charge) => keptOf(charge, books) > 0));
}

/** Rules 1 and 5: a grant gives access while it counts and takes none away, and nothing else gives any. */
export function checkGrants(moment: Moment): string[] {
  const { said, allowed } = moment;
  const bySubscription = said !== null && said.access.level !== 'none';
  const given = isGiven(moment);
  if (allowed && !bySubscription && !given) return ['rule 1: access by no subscription or grant'];
  if (!allowed && given) return ['rule 5: no access, though something was granted or bought'];
  if (!allowed && bySubscription)
    return ['rule 5: the subscription gives access, and there is none'];
  return [];
}
