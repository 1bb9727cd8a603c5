import { formatMoney } from '../../../../state/money.ts';
import { MOVEMENTS, type CohortRow } from '../../../../state/mrr-movements.ts';
import { percent } from '../../../http/pages/format.ts';
import { html, type Html } from '../../../http/pages/html.ts';
import type { MovementRow } from '../queries/figures.ts';
import { rowTable } from './parts.ts';

/** Why the MRR is another one than at the beginning of the span, by plan and currency. */
export function movementsPanel(rows: readonly MovementRow[], note: string): Html {
  return html`<section class="panel" aria-labelledby="movements-title">
    <div class="panel-head">
      <h2 id="movements-title">MRR movements</h2>
      <span class="muted">${note}</span>
    </div>
    ${
      rows.length === 0
        ? html`<p class="empty">Nothing was earned in this time.</p>`
        : html`<div class="scroll" tabindex="0" role="region" aria-label="MRR movements by plan">
            ${rowTable(
              'MRR movements',
              [
                {
                  title: 'Plan',
                  cell: (row) =>
                    row.plan === null
                      ? html`<strong>All, ${row.currency.toUpperCase()}</strong>`
                      : row.plan === ''
                        ? 'in no plan'
                        : row.plan,
                },
                {
                  title: 'At first',
                  right: true,
                  cell: (row) => formatMoney(row.start, row.currency),
                },
                ...MOVEMENTS.map((kind) => ({
                  title:
                    kind === 'moved' ? 'Other plan' : `${kind[0]?.toUpperCase()}${kind.slice(1)}`,
                  right: true,
                  cell: ({ movements, currency }: MovementRow) => signed(movements[kind], currency),
                })),
                {
                  title: 'At last',
                  right: true,
                  cell: (row) => formatMoney(row.end, row.currency),
                },
              ],
              rows,
            )}
          </div>`
    }
  </section>`;
}

function signed(amount: number, currency: string): Html | string {
  if (amount === 0) return '–';
  const words = formatMoney(Math.abs(amount), currency);
  return html`<span class="${amount > 0 ? 'good' : 'danger'}"
    >${amount > 0 ? '+' : '−'}${words}</span
  >`;
}

/** How many accounts still pay, by the month in which they began to. */
export function retentionPanel(cohorts: readonly CohortRow[] | null, href: string): Html {
  const months = Math.max(0, ...(cohorts ?? []).map(({ kept }) => kept.length));
  return html`<section class="panel" aria-labelledby="retention-title">
    <div class="panel-head">
      <h2 id="retention-title">Retention</h2>
      <span class="muted"
        >accounts that still pay at the end of a month, by the month in which they began to</span
      >
    </div>
    ${
      cohorts === null
        ? html`<p class="empty"><a href="${href}#retention-title">Count every account</a></p>`
        : cohorts.length === 0
          ? html`<p class="empty">No one has begun to pay yet.</p>`
          : html`<div class="scroll" tabindex="0" role="region" aria-label="Retention by month">
              ${rowTable(
                'Retention',
                [
                  { title: 'Month', cell: (row) => row.month },
                  { title: 'Accounts', right: true, cell: (row) => row.size },
                  ...Array.from({ length: months }, (_, index) => ({
                    title: index === 0 ? 'First' : `+${index}`,
                    right: true,
                    cell: ({ kept, size }: CohortRow) => {
                      const value = kept[index];
                      return value === undefined ? null : percent(value / size);
                    },
                  })),
                ],
                cohorts,
              )}
            </div>`
    }
  </section>`;
}
