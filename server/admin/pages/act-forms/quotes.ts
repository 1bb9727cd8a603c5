import { z } from 'zod';
import { formatMoney } from '../../../../state/money.ts';
import type { Shown, Values } from './act-form.ts';

const quote = z.object({
  amountDue: z.number(),
  currency: z.string(),
  credit: z.number(),
  fromBalance: z.number(),
  nextAmount: z.number(),
  effective: z.enum(['now', 'period_end']).optional(),
  prorationDate: z.string().nullish(),
  lines: z.array(z.object({ description: z.string().nullable(), amount: z.number() })),
  losses: z.array(z.object({ message: z.string() })),
  debts: z
    .array(
      z.object({
        number: z.string().nullable(),
        invoiceId: z.string(),
        amount: z.number(),
        currency: z.string(),
        collected: z.boolean(),
      }),
    )
    .default([]),
});

/** A preview of the API, as a confirmation shows it: amount, lines, credit, what comes next and what is lost. */
export function quoteShown(answer: unknown, more: { fields?: Values } = {}): Shown {
  const shown = quote.parse(answer);
  const { currency } = shown;
  const money = (amount: number) => formatMoney(amount, currency);
  const debts = shown.debts.map((debt): [string, string] => [
    `Invoice ${debt.number ?? debt.invoiceId}, ${debt.collected ? 'paid now' : 'still to be paid'}`,
    formatMoney(debt.amount, debt.currency),
  ]);
  const lines = shown.lines.map(({ description, amount }): [string, string] => [
    description ?? 'Subscription',
    money(amount),
  ]);
  const date: Values = shown.prorationDate ? { prorationDate: shown.prorationDate } : {};
  return {
    total:
      shown.amountDue > 0
        ? `${money(shown.amountDue)} is charged now`
        : shown.effective === 'period_end'
          ? 'Nothing is charged now; it changes with the next period'
          : 'Nothing is charged now',
    lines: [
      ...debts,
      ...lines,
      ...(shown.credit > 0 ? [['Credit for unused time', money(shown.credit)] as const] : []),
      ...(shown.fromBalance === 0 ? [] : [['From the balance', money(shown.fromBalance)] as const]),
      ['Next invoice', shown.nextAmount > 0 ? money(shown.nextAmount) : 'none'],
    ],
    effects: shown.losses.map(({ message }) => message),
    fields: { ...date, ...more.fields, amountDue: String(shown.amountDue), currency },
  };
}

/** The price that the confirmation showed. */
export function confirmOf(values: Values): { amountDue: number; currency: string } | undefined {
  const { amountDue, currency } = values;
  if (amountDue === undefined || currency === undefined) return undefined;
  return { amountDue: Number(amountDue), currency };
}
