import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { isGatewayError } from '../adapters/stripe-gateway.ts';
import { migrate } from '../db/migrate.ts';
import type { MigrationItem } from '../db/plan-migrations.ts';
import { ConfigError, loadConfig } from '../server/config/config.ts';
import { CSV_HEADER, csvLine } from '../server/operations/migrate-plan/report.ts';
import {
  MigrationRefused,
  type MigrationRequest,
} from '../server/operations/migrate-plan/request.ts';
import {
  itemsOfMigration,
  previewMigration,
  runMigration,
  type MigrationResult,
} from '../server/operations/migrate-plan/run-migration.ts';
import { readTerms } from '../server/catalogue/record-terms.ts';
import { moveToLatest, olderTerms } from '../server/operations/migrate-plan/latest-terms.ts';
import { createServices } from '../server/app/compose.ts';
import type { Services } from '../server/lib/services.ts';
import { formatMoney } from '../state/money.ts';
import { OtherStripeAccount, refuseOtherStripe } from '../server/operations/stripe-account.ts';
import { progressBar } from './progress-bar.ts';
import { LocalStripeDown } from './stripe-cli/attach.ts';
import { scriptEnvironment } from './script-environment.ts';
import { auditScript } from './script-services.ts';

const HELP = `Moves every subscription of one price to another.

  npm run migrate-plan -- --from price_old --to price_new --dry-run
  npm run migrate-plan -- --from price_old --to price_new --at period_end --notice 30 --notify
  npm run migrate-plan -- --to-latest --plan pro --dry-run

It can be stopped at any moment, even by kill -9: the same command goes on where it was, and each subscription is
changed once. Subscriptions that end, wait for a payment or have a schedule of their own are left alone, with the reason.

  --from PRICE              the price that they have
  --to PRICE                the price that they get: flat, per seat, metered, yearly …
  --dry-run                 show what each customer would get, and change nothing
  --at now|period_end       now: with proration; period_end (default): with the next period
  --proration HOW           with --at now: invoice (charged at once, default), next (with the next invoice), none
  --notice DAYS             at least so many days ahead: a period that ends sooner is left at the old price
  --notify                  mail each customer what changes and when
  --quantity N              seats for everybody (default: as many as each has)
  --quantities FILE         seats by subscription: CSV lines "sub_…,5"; who is not in it is left out
  --billing-mode flexible   also move from classic to flexible billing (alone, without --to: only that)
  --retire                  when all are moved, archive the old price
  --to-latest               in place of --from: give payers the present features and limits of their plan; who bought
                            more keeps it without this
  --plan ID                 with --to-latest: only of this plan
  --csv FILE                a report with a line per subscription; amounts in minor units
  --rate N                  calls to Stripe per second (default: 80 live, 20 test)
  --data DIR                where npm start keeps the local deployment (default: data)
  --json                    print the result as one JSON line
  --help                    this text

Exit 0 when every one is changed or left alone for a reason, 1 when some failed or the run was stopped.
`;

const { values } = parseArgs({
  options: {
    from: { type: 'string' },
    to: { type: 'string' },
    'dry-run': { type: 'boolean', default: false },
    at: { type: 'string', default: 'period_end' },
    proration: { type: 'string', default: 'invoice' },
    notice: { type: 'string', default: '0' },
    notify: { type: 'boolean', default: false },
    quantity: { type: 'string' },
    quantities: { type: 'string' },
    'billing-mode': { type: 'string' },
    retire: { type: 'boolean', default: false },
    'to-latest': { type: 'boolean', default: false },
    plan: { type: 'string' },
    csv: { type: 'string' },
    rate: { type: 'string' },
    data: { type: 'string', default: 'data' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) process.stdout.write(HELP);
else process.exitCode = await main();

async function main(): Promise<number> {
  try {
    const request = values['to-latest'] ? null : requestOf();
    const { env } = await scriptEnvironment(values.data);
    const services = createServices(loadConfig(env), {
      env,
      engine: { catchUpEvery: 0, ...(values.rate ? { readsPerSecond: whole('rate', 1) } : {}) },
    });
    try {
      await migrate(services.database);
      await refuseOtherStripe(services);
      return request ? await migrateOrPreview(services, request) : await toLatest(services);
    } finally {
      await services.close();
    }
  } catch (error) {
    if (!isExpected(error)) throw error;
    console.error(error.message);
    return 1;
  }
}

/** Features and limits only: nothing changes at Stripe. */
async function toLatest(services: Services): Promise<number> {
  const dryRun = values['dry-run'];
  await readTerms(services.database.knex, services.catalogue);
  const groups = await olderTerms(services, values.plan ?? null);
  const moved = dryRun ? 0 : await moveToLatest(services, groups);
  if (!dryRun) {
    const detail = { plan: values.plan ?? null, moved, groups };
    await auditScript(services, { action: 'migrate-plan.to-latest', detail });
  }
  if (values.json) console.log(JSON.stringify({ dryRun, moved, groups }));
  else {
    for (const { plan, version, latest, payers, lose } of groups) {
      const what = lose.length > 0 ? `lose ${lose.join(', ')}` : 'lose nothing';
      console.log(
        `${dryRun ? 'would  ' : 'moved  '} ${payers} payers of ${plan} from version ${version ?? 1} to ${latest}: ${what}`,
      );
    }
    if (groups.length === 0) console.log('Every payer has the latest terms.');
  }
  return 0;
}

function isExpected(error: unknown): error is Error {
  const kinds = [MigrationRefused, ConfigError, LocalStripeDown, OtherStripeAccount];
  return isGatewayError(error) || kinds.some((kind) => error instanceof kind);
}

async function migrateOrPreview(services: Services, request: MigrationRequest): Promise<number> {
  const dryRun = values['dry-run'];
  const bar = progressBar(!values.json && !dryRun);
  const csv = values.csv === undefined ? null : openSync(values.csv, 'w');
  const write = (text: string) => csv !== null && writeSync(csv, text);
  write(CSV_HEADER);
  let stopped = false;
  const stop = () => {
    stopped = true;
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  const onItem = (item: MigrationItem) => {
    if (dryRun) write(csvLine(item, true));
    bar.clear();
    if (!values.json && (dryRun || item.status !== 'done')) console.log(wordsOf(item, dryRun));
  };
  try {
    const hooks = { onItem, onProgress: bar.show, stopped: () => stopped };
    const { from: target, quantities, ...how } = request;
    const asked = { ...how, quantities: quantities && Object.keys(quantities).length };
    if (!dryRun) {
      await auditScript(services, { action: 'migrate-plan.started', target, detail: asked });
    }
    const result = await (dryRun ? previewMigration : runMigration)(services, request, hooks);
    if (!dryRun) {
      await auditScript(services, { action: 'migrate-plan', target, detail: { ...result } });
    }
    bar.clear();
    if (result.id !== null) {
      for await (const item of itemsOfMigration(services, result.id)) write(csvLine(item, false));
    }
    if (values.json) console.log(JSON.stringify(result));
    else report(result, dryRun);
    return dryRun || (result.failed === 0 && result.left === 0) ? 0 : 1;
  } finally {
    if (csv !== null) closeSync(csv);
  }
}

function wordsOf(item: MigrationItem, dryRun: boolean): string {
  const { subscriptionId, status, reason, before, result } = item;
  if (status === 'skipped' || status === 'failed')
    return `${status.padEnd(7)} ${subscriptionId}: ${reason}`;
  const { quantity, effectiveAt, credit, debit, charged, next, currency, billingMode } =
    result ?? {};
  const money = (amount: unknown) =>
    typeof amount === 'number' && typeof currency === 'string'
      ? formatMoney(amount, currency)
      : '?';
  const parts = [
    typeof effectiveAt === 'number'
      ? `on ${new Date(effectiveAt).toISOString().slice(0, 10)}`
      : null,
    billingMode === 'flexible' ? 'flexible billing' : null,
    quantity === before?.['quantity'] || quantity === undefined
      ? null
      : `quantity ${seats(before?.['quantity'])} → ${seats(quantity)}`,
    credit === undefined ? null : `credit ${money(credit)}, debit ${money(debit)}`,
    charged === undefined ? null : `charged now ${money(charged)}`,
    next === undefined ? null : `next invoice ${money(next)}`,
  ];
  return `${dryRun ? 'would  ' : 'changed'} ${subscriptionId}: ${parts.filter(Boolean).join(', ')}`;
}

function seats(quantity: unknown): string {
  return typeof quantity === 'number' ? String(quantity) : 'by usage';
}

function report(result: MigrationResult, dryRun: boolean): void {
  const { total, done, skipped, failed, left } = result;
  if (result.resumed) console.log('Went on with a run that had been interrupted.');
  console.log(
    dryRun
      ? `${total} subscriptions: ${done} would change, ${skipped} left alone, ${failed} would fail.`
      : `${total} subscriptions: ${done} changed, ${skipped} left alone, ${failed} failed.`,
  );
  if (left > 0) console.log(`${left} are still to do: run the same command again.`);
  else if (failed > 0 && !dryRun)
    console.log('Run the same command again to try those that failed.');
  if (result.arriving > 0) {
    console.log(
      `${result.arriving} more come to ${values.from ?? ''} by a schedule of their own; run this again when they have${values.retire ? ', and it is archived then' : ''}.`,
    );
  }
  if (result.retired) {
    console.log(
      `${values.from ?? ''} is archived. Take it out of the plans file or the environment too.`,
    );
  }
}

function requestOf(): MigrationRequest {
  const { from, to, at, proration } = values;
  if (!from) throw new MigrationRefused(`Say which price: --from PRICE.\n\n${HELP}`);
  if (at !== 'now' && at !== 'period_end') {
    throw new MigrationRefused('--at is now or period_end.');
  }
  const behavior = { invoice: 'always_invoice', next: 'create_prorations', none: 'none' } as const;
  if (!(proration in behavior)) {
    throw new MigrationRefused('--proration is invoice, next or none.');
  }
  const mode = values['billing-mode'];
  if (mode !== undefined && mode !== 'flexible') {
    throw new MigrationRefused('--billing-mode can only become flexible.');
  }
  const noticeDays = whole('notice', 0);
  if (noticeDays > 0 && at === 'now') {
    throw new MigrationRefused('A notice and --at now contradict each other: use --at period_end.');
  }
  return {
    from,
    to: to ?? null,
    at,
    proration: behavior[proration as keyof typeof behavior],
    noticeDays,
    quantity: values.quantity === undefined ? null : whole('quantity', 1),
    quantities: values.quantities === undefined ? null : readQuantities(values.quantities),
    toFlexible: mode === 'flexible',
    notify: values.notify,
    retire: values.retire,
  };
}

function whole(name: 'rate' | 'notice' | 'quantity', least: number): number {
  const text = values[name] ?? '';
  if (!/^\d+$/.test(text) || Number(text) < least) {
    throw new MigrationRefused(`--${name} is a whole number of ${least} or more.`);
  }
  return Number(text);
}

function readQuantities(path: string): Record<string, number> {
  const lines = readFileSync(path, 'utf8').split(/\r?\n/);
  const wrong: string[] = [];
  const entries = lines.flatMap((line, index): [string, number][] => {
    const found = /^\s*(sub_\w+)\s*,\s*(\d+)\s*$/.exec(line);
    if (found?.[1]) return [[found[1], Number(found[2])]];
    // A heading is welcome.
    if (line.trim() !== '' && index > 0) wrong.push(`line ${index + 1}: ${line}`);
    return [];
  });
  if (wrong.length > 0) {
    throw new MigrationRefused(`${path} needs lines like "sub_1Abc,5":\n${wrong.join('\n')}`);
  }
  return Object.fromEntries(entries);
}
