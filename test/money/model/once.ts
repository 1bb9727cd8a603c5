/** What counts once: codes, trials, calls, and the invoices that an operator asks for. */
import { priceOf, subscriptionOf } from './observe.ts';
import type { Moment } from './ledger.ts';

/** Rule 6: a code that counts once made one invoice smaller. */
export function checkCode({ books, catalogue }: Moment): string[] {
  const used = books.invoices.filter(
    ({ status, discounts, total_discount_amounts }) =>
      status !== 'void' &&
      status !== 'draft' &&
      (total_discount_amounts ?? []).some(({ amount }) => amount > 0) &&
      discounts.some(
        (discount) =>
          typeof discount !== 'string' &&
          (typeof discount.source.coupon === 'string'
            ? discount.source.coupon
            : discount.source.coupon?.id) === catalogue.coupon,
      ),
  );
  if (used.length < 2) return [];
  return [`rule 6: the code counted on ${used.map(({ id }) => id).join(' and ')}`];
}

/** Calls on invoices that are owed or paid; `lost`: on those that are void although no operator said so. */
export function callsBilled({ books, catalogue, memory }: Moment): {
  billed: number;
  lost: number;
} {
  let billed = 0;
  let lost = 0;
  for (const invoice of books.invoices) {
    const calls = invoice.lines.data
      .filter((line) => priceOf(line) === catalogue.callsPrice)
      .reduce((sum, { quantity }) => sum + (quantity ?? 0), 0);
    const dropped = invoice.status === 'void' && !memory.forgiven.has(invoice.id);
    if (dropped) lost += calls;
    else billed += calls;
  }
  return { billed, lost };
}

/** Rule 8, while it goes on: nothing is billed twice. */
export function checkUsage(moment: Moment): string[] {
  const { billed } = callsBilled(moment);
  const { calls, trialCalls } = moment.memory;
  const due = calls - trialCalls;
  return billed > due ? [`rule 8: ${billed} calls were billed, ${due} were made and not free`] : [];
}

/** Rule 8, when all is over: everything was billed, unless dunning ended it or an operator forgave it. */
export function checkUsageAtEnd(moment: Moment): string[] {
  const { billed, lost } = callsBilled(moment);
  const { memory } = moment;
  const { calls, trialCalls } = memory;
  const ended = moment.books.subscriptions.some(
    ({ cancellation_details: details }) =>
      details?.reason === 'payment_failed' || details?.comment === 'Payment failed',
  );
  if (ended) return [];
  if (memory.forgiven.size > 0 && billed + lost === calls) return [];
  if (billed <= calls && billed >= calls - trialCalls) return [];
  return [`rule 8: ${billed} calls were billed of ${calls}, ${lost} on void invoices`];
}

/** Rule 6: a trial is had once. */
export function checkTrials({ books }: Moment): string[] {
  // One that the Dashboard gave later begins after the subscription.
  const trials = books.subscriptions.filter(
    ({ trial_start, start_date }) => trial_start !== null && trial_start <= start_date + 60,
  );
  if (trials.length < 2) return [];
  return [`rule 6: ${trials.length} trials, of ${trials.map(({ id }) => id).join(' and ')}`];
}

/** Rule 9: each invoice that an operator asked for was made, and made once, whatever the caller calls its requests. */
export function checkBilled({ books, memory, catalogue }: Moment): string[] {
  const asked = memory.billed.toSorted((a, b) => a - b).join();
  const made = books.invoices
    .filter((invoice) => invoice.billing_reason === 'manual' && !subscriptionOf(invoice))
    .filter(({ lines }) => lines.data.every((line) => priceOf(line) !== catalogue.oncePrice))
    .map(({ lines }) => lines.data.reduce((sum, { amount }) => sum + amount, 0))
    .toSorted((a, b) => a - b)
    .join();
  return asked === made ? [] : [`rule 9: an operator billed ${asked}, and there is ${made}`];
}

/** A trial that began with the subscription, and was not ended in the same minute. */
export interface KeptTrial {
  id: string;
  card: string;
}

/** Which card a trial began with is known when it is first seen. */
export function noteCards({ books, memory }: Moment): void {
  for (const { id, default_payment_method: method } of books.subscriptions) {
    const card = typeof method === 'object' ? method?.card?.fingerprint : null;
    if (card && !memory.cards.has(id)) memory.cards.set(id, card);
  }
}

export function keptTrials({ books, memory }: Moment): KeptTrial[] {
  return books.subscriptions.flatMap(({ id, trial_start: began, start_date, ended_at: ended }) => {
    const card = memory.cards.get(id);
    const isTrial = began !== null && began <= start_date + 60;
    const isRefused = ended !== null && ended <= (began ?? 0) + 60;
    return isTrial && !isRefused && card !== undefined ? [{ id, card }] : [];
  });
}

/** Rule 6: of the trials of all accounts, one per card goes on. Answers the second one of a card, by its subscription. */
export function secondOfCard(trials: readonly KeptTrial[]): Map<string, string> {
  const first = new Map<string, string>();
  const second = new Map<string, string>();
  for (const { id, card } of trials) {
    const known = first.get(card);
    if (known === undefined) first.set(card, id);
    else second.set(id, `rule 6: ${known} and ${id} are trials on one card`);
  }
  return second;
}
