import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import {
  importAccount,
  type ImportRow,
  type ImportRule,
  type ImportSummary,
} from '../server/operations/import.ts';
import { stateCounts } from '../db/counters.ts';
import { progressBar } from './progress-bar.ts';
import { auditScript, scriptActor, scriptServices } from './script-services.ts';

const HELP = `Takes the subscribers of an existing Stripe account over.

  npm run import -- --by metadata:KEY --dry-run
  npm run import -- --by client_reference_id --by email
  npm run import -- --by email --map users.csv
  npm run import -- --map customers.csv --report report.csv

Finds the account of each subscription on a price of the catalogue, links its customer, and stores it, ended
ones too. Nothing changes at Stripe but, with --mark, our own metadata. It may be stopped and run again.

  --by RULE       where the account is named; several are asked in this order:
                  metadata:KEY         metadata of the subscription, else of the customer
                  client_reference_id  of the Checkout session or Payment Link
                  email                the customer's address: in the map, else among the accounts known here
  --map FILE      CSV of two columns without a heading: a customer, a subscription or an address; the account
  --dry-run       say what would be done, and do nothing
  --mark          write our mark into each linked customer's metadata, so that a lost database can be rebuilt
  --report FILE   write a line for each subscription as CSV
  --data DIR      where npm start keeps the local deployment (default: data)
  --json          print the result as JSON
  --help          this text

Exits with 1 while live subscriptions are left without an account.
`;

const { values } = parseArgs({
  options: {
    by: { type: 'string', multiple: true, default: [] },
    map: { type: 'string' },
    'dry-run': { type: 'boolean', default: false },
    mark: { type: 'boolean', default: false },
    report: { type: 'string' },
    json: { type: 'boolean', default: false },
    data: { type: 'string', default: 'data' },
    help: { type: 'boolean', default: false },
  },
});

class BadUse extends Error {}

function rulesOf(given: string[]): ImportRule[] {
  const rules = given.map((text): ImportRule => {
    if (text === 'email' || text === 'client_reference_id') return { by: text };
    const key = /^metadata:(.+)$/.exec(text)?.[1];
    if (key !== undefined) return { by: 'metadata', key };
    throw new BadUse(`--by ${text}: say metadata:KEY, client_reference_id or email.`);
  });
  if (rules.length === 0 && values.map === undefined) {
    throw new BadUse('Say how accounts are found: --by metadata:KEY, --by email, --map FILE.');
  }
  return values.map === undefined ? rules : [{ by: 'map' }, ...rules];
}

function mapOf(file: string | undefined): Map<string, string> {
  if (file === undefined) return new Map();
  const lines = readFileSync(file, 'utf8').split(/\r?\n/);
  const map = new Map<string, string>();
  for (const [i, line] of lines.entries()) {
    if (line.trim() === '') continue;
    const [name, account, ...more] = line.split(',').map((part) => part.trim().replaceAll('"', ''));
    if (!name || !account || more.length > 0) {
      throw new BadUse(`${file}, line ${i + 1}: two columns are wanted, such as cus_1,team-7.`);
    }
    const key = name.includes('@') ? name.toLowerCase() : name;
    if ((map.get(key) ?? account) !== account) {
      throw new BadUse(`${file}, line ${i + 1}: ${name} has another account above.`);
    }
    map.set(key, account);
  }
  return map;
}

async function run(rules: ImportRule[], map: Map<string, string>): Promise<number> {
  const services = await scriptServices(values.data);
  const bar = progressBar(!values.json);
  const report = ['result,subscription,customer,account,status'];
  let left = 0;
  try {
    const counts = await stateCounts(services.database.knex);
    const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
    const how = { by: values.by, map: values.map ?? null, mark: values.mark };
    if (!values['dry-run']) {
      await auditScript(services, { action: 'import.started', detail: how });
    }
    const summary = await importAccount(services, {
      rules,
      map,
      dryRun: values['dry-run'],
      mark: values.mark,
      actor: scriptActor(),
      onProgress: (checked) => bar.show(checked, Math.max(total, checked)),
      onRow(row) {
        report.push(lineOf(row));
        const isOpen = row.result === 'no_account' || row.result === 'ambiguous';
        if ((isOpen || row.result === 'conflict') && !ENDED.has(row.status)) left += 1;
      },
    });
    bar.clear();
    if (!values['dry-run']) {
      await auditScript(services, { action: 'import', detail: { ...how, ...summary, left } });
    }
    if (values.report !== undefined) writeFileSync(values.report, `${report.join('\n')}\n`);
    console.log(values.json ? JSON.stringify({ ...summary, left }) : wordsOf(summary, left));
    return left > 0 ? 1 : 0;
  } finally {
    await services.close();
  }
}

const ENDED: ReadonlySet<string> = new Set(['canceled', 'incomplete_expired']);

/** A cell that begins like a formula would be run by a spreadsheet. */
const cell = (text: string) => {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
};

const lineOf = ({ result, subscriptionId, customerId, accountId, status }: ImportRow) =>
  [result, subscriptionId, customerId, accountId ?? '', status].map(cell).join(',');

function wordsOf(summary: ImportSummary, left: number): string {
  const { linked, known, conflict, ambiguous, no_account: without, foreign } = summary;
  const did = values['dry-run'] ? 'would be linked' : 'linked';
  return [
    `${linked} subscriptions ${did}, ${known} known before, ${foreign} on prices that no plan has.`,
    `${without} without an account, ${ambiguous} with several, ${conflict} that contradict a link; ${left} of these live.`,
  ].join('\n');
}

if (values.help) process.stdout.write(HELP);
else {
  try {
    process.exitCode = await run(rulesOf(values.by), mapOf(values.map));
  } catch (error) {
    if (!(error instanceof BadUse)) throw error;
    console.error(error.message);
    process.exitCode = 2;
  }
}
