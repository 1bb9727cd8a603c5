/** Says of each line of an invoice what it is, why it is there, and whether the parts add up to what is charged. */
import { planOfPrice, type Catalogue } from './catalogue.ts';
import type { HistoryLine } from './history/lines.ts';
import { asInteger, asList, asText, asTime, at, idOf } from './raw.ts';

/** What is recorded of the subscription that an invoice bills. */
export interface ChargeContext {
  catalogue: Catalogue;
  /** The history, with who did it. */
  lines: readonly (HistoryLine & { actor: string; requestId: string | null })[];
  /** Quotes that were used. */
  quotes: readonly { prorationAt: number; amountDue: number }[];
}

export interface ExplainedLine {
  what:
    | { kind: 'plan'; name: string; quantity: number }
    | { kind: 'usage'; meter: string; quantity: number }
    | { kind: 'credit' | 'rest'; name: string }
    | { kind: 'other'; name: string };
  /** Times in ms. */
  period: { from: number; until: number } | null;
  amount: number;
  discount: number;
  /** Beside the amount; tax that is part of it is none here. */
  tax: number;
  /** The line of the history that it comes from, and its place there, from 1. */
  because: { event: string; actor: string; requestId: string | null; step: number } | null;
  /** What the quote of that change said would be due. */
  quoted: number | null;
}

export interface ExplainedInvoice {
  lines: ExplainedLine[];
  total: number;
  /** Credit of the customer that was used for it; negative where it became credit. */
  credit: number;
  due: number;
  /** Whether lines, discounts and taxes add up to the total; null where Stripe gave a part of the lines. */
  addsUp: boolean | null;
}

export function explainInvoice(invoice: unknown, context: ChargeContext): ExplainedInvoice {
  const created = asTime(at(invoice, 'created')) ?? 0;
  const lines = asList(at(invoice, 'lines')).map((line) => explainLine(line, created, context));
  const total = asInteger(at(invoice, 'total')) ?? 0;
  const due = asInteger(at(invoice, 'amount_due')) ?? 0;
  const sum = lines.reduce((all, { amount, discount, tax }) => all + amount - discount + tax, 0);
  const isCut = at(invoice, 'lines', 'has_more') === true;
  return { lines, total, due, credit: total - due, addsUp: isCut ? null : sum === total };
}

function explainLine(line: unknown, created: number, context: ChargeContext): ExplainedLine {
  const from = asTime(at(line, 'period', 'start'));
  const until = asTime(at(line, 'period', 'end'));
  const isProration = prorated(line);
  const changedAt = isProration ? from : null;
  const quote = context.quotes.find(({ prorationAt }) => prorationAt === changedAt);
  return {
    what: whatOf(line, isProration, context.catalogue),
    period: from === null || until === null || from === until ? null : { from, until },
    amount: asInteger(at(line, 'amount')) ?? 0,
    discount: sumOf(at(line, 'discount_amounts')),
    tax: taxOf(line),
    because: causeOf(changedAt ?? created, context),
    quoted: quote?.amountDue ?? null,
  };
}

function prorated(line: unknown): boolean {
  const details = ['subscription_item_details', 'invoice_item_details'];
  const told = details.some((name) => at(line, 'parent', name, 'proration') === true);
  return told || at(line, 'proration') === true;
}

function whatOf(line: unknown, isProration: boolean, catalogue: Catalogue): ExplainedLine['what'] {
  const price =
    asText(at(line, 'pricing', 'price_details', 'price')) ??
    idOf(at(line, 'price')) ??
    idOf(at(line, 'plan'));
  const description = asText(at(line, 'description'));
  const quantity = asInteger(at(line, 'quantity')) ?? 1;
  const meters = catalogue.plans.flatMap(({ meters: own = [] }) => own);
  const meter = meters.find(({ priceId }) => priceId === price);
  if (meter) return { kind: 'usage', meter: meter.meter, quantity };
  const plan = price === null ? null : planOfPrice(catalogue, price);
  const name = plan ? `${plan.plan.name}, ${plan.interval}` : (description ?? price ?? 'an item');
  if (isProration) {
    const isCredit = (asInteger(at(line, 'amount')) ?? 0) < 0;
    return { kind: isCredit ? 'credit' : 'rest', name };
  }
  return plan ? { kind: 'plan', name, quantity } : { kind: 'other', name };
}

const sumOf = (list: unknown) =>
  asList(list).reduce((sum: number, each) => sum + (asInteger(at(each, 'amount')) ?? 0), 0);

/** Under `taxes` since basil, `tax_amounts` before; tax that the price includes is not added. */
function taxOf(line: unknown): number {
  const taxes = asList(at(line, 'taxes') ?? at(line, 'tax_amounts'));
  return sumOf(
    taxes.filter((tax) => at(tax, 'tax_behavior') !== 'inclusive' && at(tax, 'inclusive') !== true),
  );
}

/** A change and its invoice are made in one go. */
const CLOSE_MS = 60_000;

function causeOf(time: number, { lines }: ChargeContext): ExplainedLine['because'] {
  const near = lines
    .map((line, index) => ({ line, step: index + 1, distance: Math.abs(line.at - time) }))
    .filter(({ distance, line }) => distance <= CLOSE_MS && line.event !== 'payment_failed')
    .sort((a, b) => a.distance - b.distance || a.step - b.step);
  const [first] = near;
  if (!first?.line.event) return null;
  const { event, actor, requestId } = first.line;
  return { event, actor, requestId, step: first.step };
}
