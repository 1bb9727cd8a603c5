/** One line of the report. */
export interface Row {
  figure: string;
  database: 'sqlite' | 'postgres' | '';
  /** What was measured, in words. */
  what: string;
  value: number;
  unit: string;
  /** What it is compared with, measured in the same rounds. */
  baseline?: { name: string; value: number };
  /** Median over the rounds of value ÷ baseline. */
  ratio?: number;
  /** `at least` for ratios and rates, `at most` for costs; of the ratio where there is one, else of the value. */
  target?: { at: 'least' | 'most'; value: number };
  /** Costs and counts beside it. */
  detail?: Record<string, number | string>;
  /** One value for each round, to show the noise. */
  rounds?: number[];
}

export function isReached({ target, ratio, value }: Row): boolean | null {
  if (!target) return null;
  const measured = ratio ?? value;
  return target.at === 'least' ? measured >= target.value : measured <= target.value;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const low = sorted[Math.ceil(middle) - 1] ?? NaN;
  const high = sorted[Math.floor(middle)] ?? NaN;
  return (low + high) / 2;
}

/** Values of one round each against those of a baseline in the same rounds. */
export function compare(
  values: readonly number[],
  baseline: { name: string; values: readonly number[] },
): Pick<Row, 'value' | 'baseline' | 'ratio' | 'rounds'> {
  return {
    value: median(values),
    baseline: { name: baseline.name, value: median(baseline.values) },
    ratio: median(values.map((value, i) => value / (baseline.values[i] ?? NaN))),
    rounds: [...values],
  };
}

/** A row for people: figure, what, value, ratio, target, result, and the costs under it. */
export function rowText(row: Row): string {
  const { figure, database, what, value, unit, baseline, ratio, target, detail } = row;
  const against = baseline
    ? `${shown(ratio ?? NaN)} × ${baseline.name} (${shown(baseline.value)})`
    : '';
  const reached = isReached(row);
  const result =
    target && reached !== null
      ? `${reached ? 'ok  ' : 'MISS'} ${target.at === 'least' ? '≥' : '≤'} ${shown(target.value)}${ratio === undefined ? ` ${unit}` : ' ×'}`
      : '';
  const line = [
    figure.padEnd(9),
    database.padEnd(8),
    what.padEnd(38),
    `${shown(value)} ${unit}`.padEnd(16),
    against.padEnd(30),
    result,
  ].join(' ');
  const costs = Object.entries(detail ?? {}).map(
    ([name, cost]) => `${name} ${typeof cost === 'number' ? shown(cost) : cost}`,
  );
  return line.trimEnd() + (costs.length > 0 ? `\n${' '.repeat(19)}${costs.join(' · ')}` : '');
}

function shown(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return String(value);
  if (Math.abs(value) >= 100) return value.toFixed(0);
  return value.toFixed(Math.abs(value) >= 10 ? 1 : Math.abs(value) >= 0.01 ? 2 : 4);
}
