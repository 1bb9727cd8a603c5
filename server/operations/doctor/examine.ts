import { checkOwners, checkStripe } from './check-owners.ts';
import { createStripeGateway } from '../../../adapters/stripe-gateway.ts';
import { openDatabase } from '../../../db/database.ts';
import { loadCatalogue, planFileOf } from '../../catalogue/catalogue.ts';
import { ConfigError, loadConfig, type Config } from '../../config/config.ts';
import { WEBHOOK_PATH } from '../../webhooks/event-types.ts';
import { checkDeliveries, checkKey, checkPortal, failureOf } from './check-account.ts';
import { checkCatalogue } from './check-catalogue.ts';
import { checkTerms } from './check-terms.ts';
import { checkDatabase, checkInbox, checkSubscriptions } from './check-database.ts';
import { checkEndpoint } from './check-endpoint.ts';
import { reportFor, type Examination, type Finding, type Report } from './finding.ts';

export type { Finding } from './finding.ts';

export interface ExamineOptions {
  env: Record<string, string | undefined>;
  /** Where Stripe is meant to deliver; default APP_URL/api/webhooks/stripe. */
  webhookUrl?: string | undefined;
  /** Real time of this machine, in ms. */
  now?: () => number;
  onFinding?: (finding: Finding) => void;
}

type Check = (exam: Examination, report: Report) => Promise<void>;

const STRIPE_CHECKS: [name: string, check: Check][] = [
  ['webhook endpoint', checkEndpoint],
  ['catalogue', checkCatalogue],
  ['portal', checkPortal],
  ['deliveries', checkDeliveries],
];

/** Looks a deployment over and changes nothing. Every check is made, whatever the others found. */
export async function examine(options: ExamineOptions): Promise<Finding[]> {
  const findings: Finding[] = [];
  const found = (finding: Finding) => {
    findings.push(finding);
    options.onFinding?.(finding);
  };
  const prepared = prepare(options, found);
  if (!prepared) return findings;
  const { exam, close } = prepared;
  try {
    const keyWorks = await guarded('key', exam, checkKey);
    // Without a key that works, every other question to Stripe would only repeat that.
    for (const [name, check] of keyWorks ? STRIPE_CHECKS : []) await guarded(name, exam, check);
    if (await checkDatabase(exam, reportFor('database', found))) {
      if (keyWorks) await checkStripe(exam, reportFor('Stripe account', found));
      await checkInbox(exam, reportFor('events', found));
      await checkTerms(exam, reportFor('terms', found));
      await checkSubscriptions(exam, reportFor('subscriptions', found));
      await checkOwners(exam, reportFor('accounts', found));
    }
    return findings;
  } finally {
    await close();
  }
}

async function guarded(name: string, exam: Examination, check: Check): Promise<boolean> {
  const report = reportFor(name, exam.found);
  try {
    await check(exam, report);
    return true;
  } catch (error) {
    if (!failureOf(error, report)) throw error;
    return false;
  }
}

function prepare(
  options: ExamineOptions,
  found: (finding: Finding) => void,
): { exam: Examination; close: () => Promise<void> } | null {
  const report = reportFor('configuration', found);
  let config: Config;
  let exam: Examination;
  try {
    config = loadConfig(options.env);
    const database = openDatabase(config.databaseUrl, {
      poolSize: 1,
      acquireTimeout: 5_000,
    });
    exam = {
      config,
      catalogue: loadCatalogue(config, options.env),
      plans: planFileOf(config.plans.file),
      stripe: createStripeGateway({ ...config.stripe, timeout: 10_000 }),
      database,
      webhookUrl: options.webhookUrl ?? `${config.http.appUrl}${WEBHOOK_PATH}`,
      now: options.now ?? (() => Date.now()),
      found,
    };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const problem of error.problems) {
      report.problem('configuration', problem, 'Fix it in the environment or in .env.');
    }
    return null;
  }
  report.ok('every variable that is set makes sense');
  return { exam, close: () => exam.database.close() };
}
