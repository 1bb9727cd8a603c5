import { writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { startChild } from './bench/child-process.ts';
import { openHost } from './bench/databases.ts';
import { FIGURES, type FigureName } from './bench/figures.ts';
import type { Laboratory } from './bench/laboratory.ts';
import { isReached, rowText, type Row } from './bench/report.ts';
import { progressBar } from './progress-bar.ts';

const HELP = `Measures Tenure against its baselines, in the same run and in alternating rounds.

  npm run bench
  npm run bench -- --only ingest,process --database sqlite

Figures: ${Object.keys(FIGURES).join(', ')}
Exits with 1 when a target is missed.

  --only NAMES      only these figures, separated by commas
  --database NAME   sqlite or postgres (default: both)
  --postgres URL    this PostgreSQL in place of the embedded one, without a database name
  --directory DIR   on the disk to measure (default: the system's temporary directory)
  --rounds N        alternating rounds (default: 5)
  --quick           a thirtieth of the work in two rounds: shows that it runs, not how fast
  --scale N         the figure 'scale' with N subscriptions and ten times as many events
  --json FILE       write every row, round and cost to a file as well
  --help            this text
`;

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    database: { type: 'string' },
    postgres: { type: 'string' },
    directory: { type: 'string', default: tmpdir() },
    rounds: { type: 'string' },
    quick: { type: 'boolean', default: false },
    scale: { type: 'string' },
    json: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) process.stdout.write(HELP);
// With the code at once: what ends the embedded PostgreSQL with the process would end it with 0.
else process.exit(await bench());

async function bench(): Promise<number> {
  const names = chosenFigures();
  if (names === null) return 2;
  const dialects = (['sqlite', 'postgres'] as const).filter(
    (each) => values.database === undefined || values.database === each,
  );
  const machine = {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memory: `${Math.round(totalmem() / 2 ** 30)} GB`,
    node: process.version,
    load: loadavg()[0]?.toFixed(1),
  };
  console.log(
    Object.entries(machine)
      .map(([name, value]) => `${name} ${value}`)
      .join(', '),
  );
  const rows: Row[] = [];
  const total = names.length * dialects.length;
  const bar = progressBar();
  let done = 0;
  for (const dialect of dialects) {
    const lab = await openLaboratory(dialect, (text) => {
      bar.clear();
      console.log(text);
    });
    try {
      for (const name of names) {
        bar.show(done, total);
        const added = await FIGURES[name](lab);
        bar.clear();
        for (const row of added) console.log(rowText(row));
        rows.push(...added);
        done += 1;
      }
    } finally {
      await lab.close();
    }
  }
  if (values.json) {
    const report = { at: new Date().toISOString(), machine, quick: values.quick, rows };
    writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
  }
  const missed = rows.filter((row) => isReached(row) === false);
  if (missed.length > 0) console.log(`${missed.length} of ${rows.length} rows miss their target.`);
  return missed.length > 0 ? 1 : 0;
}

function chosenFigures(): FigureName[] | null {
  const known = Object.keys(FIGURES) as FigureName[];
  if (values.only === undefined) return known.filter((name) => name !== 'scale' || values.scale);
  const wanted = values.only.split(',');
  const unknown = wanted.filter((name) => !known.some((each) => each === name));
  if (unknown.length === 0) return known.filter((name) => wanted.includes(name));
  console.error(`There is no figure called ${unknown.join(', ')}. There are: ${known.join(', ')}`);
  return null;
}

async function openLaboratory(
  dialect: 'sqlite' | 'postgres',
  note: (text: string) => void,
): Promise<Laboratory & { close: () => Promise<void> }> {
  const host = await openHost(dialect, {
    directory: values.directory,
    postgresUrl: values.postgres ?? null,
  });
  const load = await startChild('load-generator', null);
  return {
    host,
    load,
    note,
    rounds: Number(values.rounds ?? (values.quick ? 2 : 5)),
    effort: values.quick ? 1 / 30 : 1,
    size: Number(values.scale ?? (values.quick ? 2_000 : 100_000)),
    async close() {
      await load.stop();
      await host.close();
    },
  };
}
