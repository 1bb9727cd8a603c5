import type { ExplainedInvoice, ExplainedLine } from '../../../../state/charges.ts';
import { formatMoney } from '../../../../state/money.ts';
import { count, date } from '../../../http/pages/format.ts';
import { html, type Html } from '../../../http/pages/html.ts';
import { rowTable } from './parts.ts';

/** What an invoice consists of, line by line, and whether it adds up. */
export function explainedInvoice(
  name: string,
  { lines, total, credit, due, addsUp }: ExplainedInvoice,
  currency: string,
): Html {
  const money = (amount: number) => formatMoney(amount, currency);
  return html`<details>
    <summary>What is in ${name}</summary>
    ${rowTable(
      `Lines of ${name}`,
      [
        { title: 'What', cell: (line) => html`${whatWords(line)}${whyWords(line, money)}` },
        { title: 'Amount', cell: (line) => amounts(line, money), right: true },
      ],
      lines,
    )}
    <p class="panel-body muted">
      ${addsUp === null && 'Stripe gave a part of the lines only. '}
      ${addsUp === true && 'The lines add up to the total. '}
      ${addsUp === false && html`<span class="danger">The lines do not add up to the total.</span> `}
      Total
      ${money(total)}${credit > 0 && `, ${money(credit)} of it from credit`}${credit < 0 && `, ${money(-credit)} of it kept for the next invoice`};
      due ${money(due)}.
    </p>
  </details>`;
}

function whatWords({ what, period }: ExplainedLine): string {
  const span = period ? `, ${date(period.from)} to ${date(period.until)}` : '';
  switch (what.kind) {
    case 'credit':
      return `Credit for the unused part of ${what.name}${span}`;
    case 'rest':
      return `${what.name} for the rest of its period${span}`;
    case 'usage':
      return `${count(what.quantity)} ${what.meter} used${span}`;
    case 'plan':
      return `${what.name}${what.quantity === 1 ? '' : ` × ${what.quantity}`}${span}`;
    default:
      return `${what.name}${span}`;
  }
}

function whyWords({ because, quoted }: ExplainedLine, money: (amount: number) => string): Html {
  if (because === null)
    return html`<div class="muted">No transition of that time is recorded.</div>`;
  const { event, actor, requestId, step } = because;
  const request = requestId === null ? '' : ` · ${requestId}`;
  const quote = quoted === null ? '' : ` · quoted: ${money(quoted)} due`;
  return html`<div class="muted wrap">step ${step}: ${event} by ${actor}${request}${quote}</div>`;
}

function amounts(line: ExplainedLine, money: (amount: number) => string): Html {
  const { amount, discount, tax } = line;
  return html`${money(amount)}
  ${discount !== 0 && html`<div class="muted">discount ${money(-discount)}</div>`}
  ${tax !== 0 && html`<div class="muted">tax ${money(tax)}</div>`}`;
}
