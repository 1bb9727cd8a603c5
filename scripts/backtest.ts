import { readFileSync } from 'node:fs';
import { parseArgs, parseEnv } from 'node:util';
import { loadConfig } from '../server/config/config.ts';
import { backtest, policyOf, type BacktestResult } from '../server/operations/backtest.ts';
import type { Difference } from '../server/operations/backtest.ts';
import type { Outcome, Totals } from '../state/backtest.ts';
import type { Services } from '../server/lib/services.ts';
import { formatMoney } from '../state/money.ts';
import { progressBar } from './progress-bar.ts';
import { scriptEnvironment } from './script-environment.ts';
import { scriptServices } from './script-services.ts';

const RULES = [
  'GRACE',
  'GRACE_MAX_DAYS',
  'DUNNING_MAX_ATTEMPTS',
  'DUNNING_FINAL_ACTION',
  'ON_DISPUTE',
];

const HELP = `What other rules would have done to the recorded history of all subscriptions. Changes nothing.

  npm run backtest -- --policy rules.env

The file has the settings that are to differ, as .env has them: ${RULES.slice(0, 3).join(', ')},
${RULES.slice(3).join(', ')}. Payments are taken as they were: what no attempt was made for is
counted as not known.

  --policy FILE  the other rules
  --list         print each subscription with another outcome
  --data DIR     where npm start keeps the local deployment (default: data)
  --json         print one JSON line per subscription with another outcome, and one for the result
  --help         this text
`;

const { values } = parseArgs({
  options: {
    policy: { type: 'string' },
    list: { type: 'boolean', default: false },
    data: { type: 'string', default: 'data' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) process.stdout.write(HELP);
else if (values.policy === undefined) {
  process.stderr.write('Name the other rules: npm run backtest -- --policy FILE\n');
  process.exitCode = 2;
} else process.exitCode = await main(values.policy);

async function main(file: string): Promise<number> {
  const changed = parseEnv(readFileSync(file, 'utf8')) as Record<string, string>;
  const other = Object.keys(changed).filter((name) => !RULES.includes(name));
  if (other.length > 0 || Object.keys(changed).length === 0) {
    const what = other.length > 0 ? `${other.join(', ')} is no rule of a backtest` : 'It is empty';
    process.stderr.write(`${file}: ${what}; it may have ${RULES.join(', ')}.\n`);
    return 2;
  }
  const { env } = await scriptEnvironment(values.data);
  const underPolicy = policyOf(loadConfig({ LOG_LEVEL: 'error', ...env, ...changed }));
  const services = await scriptServices(values.data);
  const bar = progressBar(!values.json);
  const say = (line: string) => {
    bar.clear();
    process.stdout.write(`${line}\n`);
  };
  try {
    const db = services.database.knex;
    const counted = await db('subscriptions')
      .where({ is_foreign: false })
      .count({ n: '*' })
      .first();
    const total = Number(counted?.['n'] ?? 0);
    const asConfigured = policyOf(services.config);
    const rules = { asConfigured, underPolicy, now: await businessNow(services) };
    const result = await backtest(db, rules, {
      progress: (done) => bar.show(done, total),
      difference(difference) {
        if (values.json) say(JSON.stringify(difference));
        else if (values.list) say(lineOf(difference));
      },
    });
    say(values.json ? JSON.stringify({ ...result, rules }) : tableOf(result));
    return 0;
  } finally {
    bar.clear();
    await services.close();
  }
}

/** The customers' now, which on a test clock is not this machine's. */
async function businessNow({ config, stripe }: Services): Promise<number> {
  const { testClock } = config.stripe;
  if (testClock === null) return Date.now();
  return (await stripe.retrieveTestClock(testClock)).frozen_time * 1000;
}

const days = (ms: number) => `${(ms / 86_400_000).toFixed(1)} days`;

function tableOf(result: BacktestResult): string {
  const row = (name: string, of: (totals: Totals) => string) =>
    [name.padEnd(34), of(result.asConfigured).padEnd(22), of(result.underPolicy)].join('');
  return [
    `${result.subscriptions} subscriptions, ${result.transitions} transitions; ${result.differ} with another outcome.`,
    '',
    [''.padEnd(34), 'as configured'.padEnd(22), 'under the policy'].join(''),
    row('without access for a while', ({ lockedOut }) => String(lockedOut)),
    row('  altogether', ({ lockedMs }) => days(lockedMs)),
    row('  until a dispute was won', ({ lockedUnknown }) => String(lockedUnknown)),
    row('lost', ({ lost }) => String(lost)),
    row('  of monthly revenue', ({ lostMrr }) => moneyOf(lostMrr)),
    row('not known: more attempts', ({ unknown }) => String(unknown)),
    row('  of monthly revenue', ({ unknownMrr }) => moneyOf(unknownMrr)),
  ].join('\n');
}

function moneyOf(amounts: Record<string, number>): string {
  const words = Object.entries(amounts).map(([currency, amount]) => formatMoney(amount, currency));
  return words.length > 0 ? words.join(' + ') : '–';
}

function lineOf({ subscription, account, currency, ...outcomes }: Difference): string {
  const words = ({ lost, unknown, lockedMs, mrr }: Outcome) =>
    [
      lost ? `lost (${formatMoney(mrr, currency)} a month)` : unknown ? 'not known' : 'kept',
      lockedMs > 0 ? `${days(lockedMs)} without access` : '',
    ]
      .filter((each) => each !== '')
      .join(', ');
  const { asConfigured, underPolicy } = outcomes;
  return `${subscription} ${account ?? '–'}: ${words(asConfigured)} → ${words(underPolicy)}`;
}
