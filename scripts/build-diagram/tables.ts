import { machineArrows } from '../../state/machine.ts';
import { STATES } from '../../state/states.ts';
import { LIFECYCLE_STATES } from '../../state/types.ts';

/** The document with its generated tables put in anew, between the marks that name them. */
export function withTables(text: string): string {
  return between(between(text, 'states', statesTable()), 'arrows', arrowsTable());
}

function between(text: string, name: string, content: string): string {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from === -1 || to < from) throw new Error(`docs/state-machine.md has no ${begin} … ${end}`);
  return `${text.slice(0, from + begin.length)}\n${content}\n${text.slice(to)}`;
}

function statesTable(): string {
  const rows = LIFECYCLE_STATES.map((state) => `| \`${state}\` | ${STATES[state].description} |`);
  return ['| state | |', '|---|---|', ...rows].join('\n');
}

function arrowsTable(): string {
  const rows = machineArrows().map(
    ({ from, to, event, description }) =>
      `| \`${from}\` | \`${event}\` | \`${to}\` | ${description} |`,
  );
  return ['| from | event | to | |', '|---|---|---|---|', ...rows].join('\n');
}
