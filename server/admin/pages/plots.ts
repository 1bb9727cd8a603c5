import { html, type Html } from '../../http/pages/html.ts';

/** One value of a series; null leaves a gap. */
export interface Point {
  label: string;
  value: number | null;
}

export interface Plot {
  title: string;
  points: Point[];
  /** How a value reads, on the axis and in the table. */
  format: (value: number) => string;
  kind: 'line' | 'bars';
  /** Head of the table's first column. */
  labelTitle: string;
}

const WIDTH = 640;
const HEIGHT = 210;
const LEFT = 62;
const BOTTOM = 26;
const TOP = 12;
const ROWS = 4;

const round = (value: number): number => Math.round(value * 10) / 10;

const STEPS = [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10];

/** A round number not below `value` that divides into four rows; into whole ones if `whole`. */
function niceTop(value: number, whole: boolean): number {
  if (value <= 0) return whole ? ROWS : 1;
  const size = 10 ** Math.floor(Math.log10(value / ROWS));
  const steps = STEPS.map((step) => step * size).filter((step) => !whole || Number.isInteger(step));
  return (steps.find((step) => step * ROWS >= value) ?? 1) * ROWS;
}

/** A chart as SVG with the same numbers as a table below it. */
export function plot(chart: Plot): Html {
  const known = chart.points.flatMap(({ value }) => (value === null ? [] : [value]));
  if (known.length === 0) return html`<p class="empty">Nothing to show for this time yet.</p>`;
  const top = niceTop(
    Math.max(...known),
    known.every((value) => Number.isInteger(value)),
  );
  const y = (value: number): number => round(TOP + (1 - value / top) * (HEIGHT - TOP - BOTTOM));
  const slot = (WIDTH - LEFT - 8) / chart.points.length;
  const x = (index: number): number => round(LEFT + slot * (index + 0.5));
  const every = Math.ceil(chart.points.length / 7);
  return html`<figure>
    <svg
      class="plot"
      viewBox="0 0 ${WIDTH} ${HEIGHT}"
      role="img"
      aria-label="${chart.title}: ${summary(chart)}"
    >
      ${Array.from({ length: ROWS + 1 }, (_, row) => {
        const value = (top / ROWS) * row;
        return html`<line
            class="plot-grid"
            x1="${LEFT}"
            x2="${WIDTH - 8}"
            y1="${y(value)}"
            y2="${y(value)}"
          />
          <text class="plot-axis" x="${LEFT - 8}" y="${y(value) + 4}" text-anchor="end"
            >${chart.format(value)}</text
          >`;
      })}
      ${chart.points.map(
        ({ label }, index) =>
          index % every === 0 &&
          html`<text class="plot-axis" x="${x(index)}" y="${HEIGHT - 7}" text-anchor="middle"
            >${label}</text
          >`,
      )}
      ${chart.kind === 'bars' ? bars(chart, { x, y, slot }) : line(chart, { x, y, slot })}
    </svg>
    <details>
      <summary>View as table</summary>
      <div class="scroll" tabindex="0" role="region" aria-label="${chart.title} as a table">
        <table>
          <thead>
            <tr>
              <th scope="col">${chart.labelTitle}</th>
              <th scope="col" class="right">${chart.title}</th>
            </tr>
          </thead>
          <tbody>
            ${chart.points.map(
              ({ label, value }) =>
                html`<tr>
                  <td>${label}</td>
                  <td class="right">${value === null ? '–' : chart.format(value)}</td>
                </tr>`,
            )}
          </tbody>
        </table>
      </div>
    </details>
  </figure>`;
}

function summary(chart: Plot): string {
  const known = chart.points.filter((point) => point.value !== null);
  const [first, last] = [known[0], known.at(-1)];
  if (!first || !last) return 'no values';
  const text = (point: Point): string => `${chart.format(point.value ?? 0)} at ${point.label}`;
  return first === last ? text(first) : `from ${text(first)} to ${text(last)}`;
}

interface Scale {
  x: (index: number) => number;
  y: (value: number) => number;
  slot: number;
}

function bars(chart: Plot, scale: Scale): Html[] {
  const width = round(Math.min(scale.slot * 0.7, 46));
  return chart.points.map(({ label, value }, index) => {
    if (value === null) return html``;
    const y = scale.y(value);
    return html`<rect
      class="series-bar"
      x="${round(scale.x(index) - width / 2)}"
      y="${y}"
      width="${width}"
      height="${round(Math.max(HEIGHT - BOTTOM - y, 0))}"
      rx="2"
      ><title>${label}: ${chart.format(value)}</title></rect
    >`;
  });
}

function line(chart: Plot, scale: Scale): Html {
  const corners = chart.points.flatMap(({ value }, index) =>
    value === null ? [] : [[scale.x(index), scale.y(value)] as const],
  );
  const path = corners.map(([x, y], index) => `${index === 0 ? 'M' : 'L'}${x} ${y}`).join('');
  const [first, last] = [corners[0], corners.at(-1)];
  const floor = HEIGHT - BOTTOM;
  return html`${
      first &&
      last &&
      html`<path class="series-area" d="${path}L${last[0]} ${floor}L${first[0]} ${floor}Z" />`
    }<path class="series-line" d="${path}" />${
      last && html`<circle class="series-bar" cx="${last[0]}" cy="${last[1]}" r="3" />`
    }`;
}

/** A line of a few values without axes; decoration beside its number, hidden from screen readers. */
export function sparkline(values: readonly number[]): Html {
  if (values.length < 2) return html``;
  const low = Math.min(...values);
  const span = Math.max(...values) - low || 1;
  const [width, height] = [132, 38];
  const path = values
    .map((value, index) => {
      const x = round((index / (values.length - 1)) * width);
      const y = round(height - 3 - ((value - low) / span) * (height - 6));
      return `${index === 0 ? 'M' : 'L'}${x} ${y}`;
    })
    .join('');
  return html`<svg class="spark" viewBox="0 0 ${width} ${height}" aria-hidden="true">
    <path class="series-area" d="${path}L${width} ${height}L0 ${height}Z" />
    <path class="series-line" d="${path}" />
  </svg>`;
}

/** Small bars without axes, for example events per hour. */
export function sparkbars(values: readonly number[]): Html {
  if (values.length === 0) return html``;
  const top = Math.max(...values, 1);
  const slot = 132 / values.length;
  return html`<svg class="spark" viewBox="0 0 132 38" aria-hidden="true">
    ${values.map((value, index) => {
      const height = round(Math.max((value / top) * 36, value > 0 ? 2 : 1));
      return html`<rect
        class="series-bar${value === 0 && ' soft'}"
        x="${round(index * slot)}"
        y="${38 - height}"
        width="${round(Math.max(slot - 1.2, 0.8))}"
        height="${height}"
      />`;
    })}
  </svg>`;
}
