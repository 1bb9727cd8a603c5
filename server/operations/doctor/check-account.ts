import { isGatewayError } from '../../../adapters/stripe-gateway.ts';
import { clockSkew, SKEW_WARNING_MS } from '../../lib/clock-skew.ts';
import type { Examination, Report } from './finding.ts';

/** Beyond, signatures look stale or from the future; Stripe and this server allow 300 s. */
const SKEW_PROBLEM_MS = 60_000;

/** The key: accepted, of the right mode, and whose. Then the two clocks. */
export async function checkKey(exam: Examination, report: Report): Promise<void> {
  const { config, stripe } = exam;
  const asked = exam.now();
  const { accountId, serverTime } = await stripe.probeAccount();
  const answered = exam.now();
  const mode = config.stripe.live ? 'live' : 'test';
  report.ok(
    `a ${mode} key of ${accountId}${config.stripe.apiBase ? ` at ${config.stripe.apiBase}` : ''}`,
  );
  checkMode(exam, report);
  if (
    config.stripe.testClock !== null &&
    !(await stripe.testClockExists(config.stripe.testClock))
  ) {
    report.problem(
      'test_clock_missing',
      `STRIPE_TEST_CLOCK names ${config.stripe.testClock}, which is not in this account (Stripe deletes clocks after 30 days).`,
      'Take STRIPE_TEST_CLOCK away, or set a clock that exists.',
    );
  }
  if (serverTime === null) return;
  const skew = clockSkew({ asked, answered }, serverTime, 1_000);
  const words = `this machine is ${(Math.abs(skew) / 1000).toFixed(0)} s ${skew > 0 ? 'ahead of' : 'behind'} Stripe`;
  const fix = 'Let the machine set its clock by NTP (timedatectl set-ntp true).';
  if (Math.abs(skew) >= SKEW_PROBLEM_MS) {
    report.problem('clock_skew', `${words}: signatures will be refused as stale.`, fix);
  } else if (Math.abs(skew) >= SKEW_WARNING_MS) report.warn('clock_skew', words, fix);
  else report.ok('the clock agrees with Stripe’s');
}

function checkMode(exam: Examination, report: Report): void {
  const { stripe, http, mail } = exam.config;
  const appUrl = new URL(http.appUrl);
  const isLocal = ['localhost', '127.0.0.1', '[::1]'].includes(appUrl.hostname);
  if (stripe.live && (isLocal || appUrl.protocol !== 'https:')) {
    report.problem(
      'live_key_without_public_url',
      `The key is live, but APP_URL is ${http.appUrl}: customers are sent there after they paid.`,
      'Set APP_URL to the https address of your application.',
    );
  }
  if (!stripe.live && process.env['NODE_ENV'] === 'production') {
    report.warn(
      'test_key_in_production',
      'NODE_ENV is production and the key is a test key: no one is charged.',
      'Set the live key (sk_live_… or rk_live_…).',
    );
  }
  if (stripe.live && mail.smtpUrl === null) {
    report.warn(
      'no_mail',
      'SMTP_URL is not set: mails are only written to the log.',
      'Set SMTP_URL and MAIL_FROM.',
    );
  }
}

/** Younger events are most likely on their way. */
const ON_ITS_WAY_S = 300;

/** Events that Stripe could not hand over in the last three days. */
export async function checkDeliveries(exam: Examination, report: Report): Promise<void> {
  const now = Math.floor(exam.now() / 1000);
  const until = now - ON_ITS_WAY_S;
  const events = await exam.stripe.undeliveredEvents({ from: now - 3 * 86_400, until });
  const [newest] = events;
  if (!newest) return report.ok('every event of the last three days was acknowledged');
  const many = events.length >= 100 ? '100 or more' : String(events.length);
  report.warn(
    'deliveries_failing',
    `${many} events of the last three days were not acknowledged; the newest is ${newest.id} (${newest.type}).`,
    'See Developers → Webhooks in the Dashboard for what the server answered. "signature" means that STRIPE_WEBHOOK_SECRET is not the secret of this endpoint. Then: npm run replay -- --since 3d',
  );
}

/** The billing portal that customers are sent to. */
export async function checkPortal(exam: Examination, report: Report): Promise<void> {
  const { portalConfiguration: named } = exam.config.stripe;
  const all = await exam.stripe.listPortalConfigurations();
  const used =
    named === null ? all.find((each) => each.is_default) : all.find(({ id }) => id === named);
  if (!used) {
    report.problem(
      'portal_missing',
      named === null
        ? 'The billing portal has no configuration: opening it fails.'
        : `STRIPE_PORTAL_CONFIGURATION names ${named}, which is not in this account.`,
      'Run npm run setup:stripe, or save the portal settings once in the Dashboard.',
    );
    return;
  }
  const { features } = used;
  if (!used.active) {
    report.problem(
      'portal_inactive',
      `The portal configuration ${used.id} is switched off.`,
      SETUP,
    );
  }
  if (!features.payment_method_update.enabled) {
    report.problem(
      'portal_without_card',
      'Customers cannot change their card in the portal: a failed payment cannot be fixed there.',
      SETUP,
    );
  }
  const cancel = features.subscription_cancel;
  if (cancel.enabled && cancel.mode === 'immediately') {
    report.warn(
      'portal_cancels_at_once',
      'Cancelling in the portal ends the subscription at once, not with its period.',
      SETUP,
    );
  }
  report.ok(`the portal configuration is ${used.id}`);
}

const SETUP =
  'Run npm run setup:stripe, or change it in the Dashboard under Billing → Customer portal.';

/** What is wrong when a check could not be made; null when that is an error of ours. */
export function failureOf(error: unknown, report: Report): boolean {
  if (!isGatewayError(error)) return false;
  if (error.status === 401) {
    report.problem(
      'key_refused',
      'Stripe refuses the key: it was rolled, deleted, or is of another account.',
      'Set STRIPE_SECRET_KEY to a key of Developers → API keys.',
    );
  } else if (error.status === 403) {
    report.problem(
      'key_lacks_permission',
      `The key may not do this: ${error.message}`,
      'Give the restricted key the permission, or use another key.',
    );
  } else if (error.kind === 'unavailable' || error.kind === 'rate_limited') {
    report.problem(
      'stripe_unreachable',
      `Stripe cannot be asked: ${error.message}`,
      'Check the network, a proxy, and https://status.stripe.com; then try again.',
    );
  } else report.problem('stripe_refused', `Stripe refused: ${error.message}`, 'See the message.');
  return true;
}
