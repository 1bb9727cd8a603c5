import { Stripe } from 'stripe';
import { invalidRequest } from '../kernel/errors.ts';
import { newId } from '../kernel/ids.ts';
import { mergeMetadata } from '../kernel/metadata.ts';
import { p, type Values } from '../kernel/params.ts';

const line = {
  type: p.required(p.oneOf(['custom_line_item', 'invoice_line_item'])),
  amount: p.int,
  description: p.str,
  invoice_line_item: p.str,
  metadata: p.metadata,
  quantity: p.int,
  tax_amounts: p.unserved,
  tax_rates: p.unserved,
  unit_amount: p.int,
  unit_amount_decimal: p.decimal,
};
export const creditLines = p.arr(p.obj(line));
type LineParams = Values<typeof line>;

/** The lines of a credit note: as given, or one for a plain amount. Amounts in minor units. */
export function linesOf(
  invoice: Stripe.Invoice,
  given: { lines?: LineParams[]; amount?: number },
): Stripe.CreditNoteLineItem[] {
  if (given.lines === undefined && given.amount === undefined) {
    throw invalidRequest('You must pass either lines or amount.', {
      param: 'amount',
      code: 'parameter_missing',
    });
  }
  if (given.lines === undefined) {
    return [
      blankLine({
        amount: given.amount ?? 0,
        description: 'Credit',
        quantity: 1,
        unit: given.amount ?? 0,
      }),
    ];
  }
  return given.lines.map((params, index) => oneLine(invoice, params, `lines[${index}]`));
}

function oneLine(
  invoice: Stripe.Invoice,
  params: LineParams,
  param: string,
): Stripe.CreditNoteLineItem {
  const quantity = params.quantity ?? 1;
  if (params.type === 'custom_line_item') {
    const unit = params.unit_amount ?? Number(params.unit_amount_decimal ?? 0);
    const amount = params.amount ?? Math.round(unit * quantity);
    const made = blankLine({ amount, description: params.description ?? null, quantity, unit });
    return { ...made, metadata: mergeMetadata({}, params.metadata) };
  }
  const source = invoice.lines.data.find((candidate) => candidate.id === params.invoice_line_item);
  if (source === undefined) {
    throw invalidRequest(`No such invoice line item: '${params.invoice_line_item ?? ''}'`, {
      param: `${param}[invoice_line_item]`,
      code: 'resource_missing',
    });
  }
  const unit = Number(source.pricing?.unit_amount_decimal ?? source.amount);
  const amount =
    params.amount ?? (params.quantity === undefined ? source.amount : Math.round(unit * quantity));
  const made = blankLine({
    amount,
    description: source.description,
    quantity: params.quantity ?? source.quantity,
    unit,
  });
  return {
    ...made,
    invoice_line_item: source.id,
    type: 'invoice_line_item',
    metadata: mergeMetadata({}, params.metadata),
  };
}

function blankLine(fields: {
  amount: number;
  description: string | null;
  quantity: number | null;
  unit: number;
}): Stripe.CreditNoteLineItem {
  return {
    id: newId('cnli'),
    object: 'credit_note_line_item',
    amount: fields.amount,
    description: fields.description,
    discount_amount: 0,
    discount_amounts: [],
    livemode: false,
    metadata: {},
    pretax_credit_amounts: [],
    quantity: fields.quantity,
    tax_rates: [],
    taxes: [],
    type: 'custom_line_item',
    unit_amount: Math.round(fields.unit),
    unit_amount_decimal: Stripe.Decimal.from(String(fields.unit)),
  };
}
