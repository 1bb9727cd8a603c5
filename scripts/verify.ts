import { parseArgs } from 'node:util';
import type { Services } from '../server/lib/services.ts';
import { verifyUsage, type UsageDifference } from '../server/usage/verify-usage.ts';
import { verifyDatabase, type Difference, type VerifyResult } from '../server/operations/verify.ts';
import { progressBar } from './progress-bar.ts';
import { auditScript, scriptServices } from './script-services.ts';

const HELP = `Compares the database with Stripe, subscription by subscription.

  npm run verify
  npm run verify -- --repair

Prints each difference and exits with 1 if any is left.

  --repair  read what differs again and store it
  --notify  with --repair, send the mails and webhooks that follow; else they are only noted
  --usage   compare this period's usage with what Stripe's meters count, too
  --data DIR where npm start keeps the local deployment (default: data)
  --json    print one JSON line per difference and one for the result
  --help    this text
`;

const { values } = parseArgs({
  options: {
    repair: { type: 'boolean', default: false },
    notify: { type: 'boolean', default: false },
    usage: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    data: { type: 'string', default: 'data' },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) process.stdout.write(HELP);
else process.exitCode = await verify();

async function verify(): Promise<number> {
  const services = await scriptServices(values.data);
  const bar = progressBar(!values.json);
  try {
    const result = await verifyDatabase(services, {
      repair: values.repair,
      notify: values.notify,
      onProgress: ({ checked, total }) => bar.show(checked, total),
      onDifference(difference) {
        bar.clear();
        console.log(values.json ? JSON.stringify(difference) : wordsOf(difference));
      },
    });
    bar.clear();
    if (values.repair) {
      const { repaired } = result;
      await auditScript(services, { action: 'verify.repair', detail: { repaired } });
    }
    const left = result.differences - result.repaired;
    console.log(
      values.json
        ? JSON.stringify({ ...result, left })
        : `${result.checked} subscriptions compared, ${result.differences} differed, ${result.repaired} repaired.`,
    );
    if (!values.json) warnOf(result);
    if (left > 0 && !values.repair && !values.json)
      console.log('Run it with --repair to repair them.');
    const usage = values.usage ? await compareUsage(services) : 0;
    return left + usage > 0 ? 1 : 0;
  } finally {
    await services.close();
  }
}

function warnOf({ withoutAccount, conflicts, clocksUnseen }: VerifyResult): void {
  if (withoutAccount > 0) {
    console.log(
      `${withoutAccount} live subscriptions on your prices have no account: npm run import, or npm run link.`,
    );
  }
  if (conflicts > 0) {
    console.log(
      `${conflicts} claims contradict the account of a customer: npm run doctor names them, npm run link decides.`,
    );
  }
  if (clocksUnseen) {
    console.log('The key may not list test clocks: subscriptions on them were not compared.');
  }
}

/** Returns how many differ. Not repaired here: an operator has to decide which side is right. */
async function compareUsage(services: Services): Promise<number> {
  const result = await verifyUsage(services, (difference) =>
    console.log(values.json ? JSON.stringify(difference) : usageWordsOf(difference)),
  );
  console.log(
    values.json
      ? JSON.stringify(result)
      : `${result.checked} totals of usage compared, ${result.differences} differed.`,
  );
  return result.differences;
}

function usageWordsOf({ userId, meter, acknowledged, atStripe }: UsageDifference): string {
  return `${meter} of ${userId}: Stripe counts ${atStripe}, and acknowledged ${acknowledged}`;
}

function wordsOf({ kind, subscriptionId, fields, repaired }: Difference): string {
  const what = {
    missing_here: 'is at Stripe and not in the database',
    missing_at_stripe: 'is in the database and not at Stripe',
    differs: `differs in ${fields
      .map(
        ({ field, here, atStripe }) => `${field} (here ${show(here)}, at Stripe ${show(atStripe)})`,
      )
      .join(', ')}`,
  }[kind];
  return `${subscriptionId} ${what}${repaired ? ' — repaired' : ''}`;
}

/** A moment as a date, anything else as JSON, shortened. */
function show(value: unknown): string {
  if (typeof value === 'number' && value > 1e11) return new Date(value).toISOString();
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
