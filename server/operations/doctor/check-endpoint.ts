import type { Stripe } from 'stripe';
import { API_VERSION } from '../../../adapters/stripe-gateway.ts';
import { webhookEventTypes, WEBHOOK_PATH } from '../../webhooks/event-types.ts';
import type { Examination, Report } from './finding.ts';

const SETUP = 'Run npm run setup:stripe';

/** The webhook endpoint: there, once, switched on, of the version that is read, subscribed to what is used. */
export async function checkEndpoint(exam: Examination, report: Report): Promise<void> {
  const { webhookUrl: url, stripe, config } = exam;
  const all = await stripe.listWebhookEndpoints();
  const here = all.filter((each) => each.url === url);
  const [endpoint, ...surplus] = here;
  if (!endpoint) return reportMissing(all, url, report);
  report.ok(`${endpoint.id} delivers to ${url}`);
  if (config.stripe.live && !url.startsWith('https:')) {
    report.problem(
      'endpoint_not_https',
      `${url} is not https.`,
      `Set APP_URL, then ${SETUP.toLowerCase()}.`,
    );
  }
  if (surplus.length > 0) {
    report.problem(
      'endpoint_twice',
      `${here.length} endpoints deliver to ${url}: every event comes ${here.length} times, signed with different secrets.`,
      `${SETUP}, or delete all but one: ${here.map(({ id }) => id).join(', ')}.`,
    );
  }
  for (const each of here) checkOne(each, { live: config.stripe.live, report });
}

function checkOne(
  endpoint: Stripe.WebhookEndpoint,
  { live, report }: { live: boolean; report: Report },
): void {
  if (endpoint.status !== 'enabled') {
    report.problem(
      'endpoint_disabled',
      `${endpoint.id} is disabled: Stripe delivers nothing (it switches endpoints off that fail for days).`,
      `${SETUP}, then npm run replay -- --since 3d.`,
    );
  }
  if (endpoint.api_version !== API_VERSION) {
    report.problem(
      'endpoint_version',
      `${endpoint.id} sends events of API version ${endpoint.api_version ?? 'of the account'}; this server reads ${API_VERSION}.`,
      `The version of an endpoint cannot be changed: ${SETUP.toLowerCase()} to replace it, and put the new secret into STRIPE_WEBHOOK_SECRET.`,
    );
  }
  const has = new Set(endpoint.enabled_events);
  const missing = has.has('*') ? [] : webhookEventTypes(live).filter((type) => !has.has(type));
  if (missing.length > 0) {
    report.problem(
      'endpoint_events',
      `${endpoint.id} is not subscribed to ${listed(missing)}.`,
      `${SETUP}, or add them in the Dashboard.`,
    );
  }
  if (has.has('*')) {
    report.warn(
      'endpoint_all_events',
      `${endpoint.id} is subscribed to every event; most of them mean nothing here.`,
      `${SETUP} to subscribe it to what is used.`,
    );
  }
}

function reportMissing(all: Stripe.WebhookEndpoint[], url: string, report: Report): void {
  const wanted = new URL(url);
  const sameHost = all.filter(({ url: other }) => hostOf(other) === wanted.host);
  const samePath = all.filter(({ url: other }) => other.endsWith(WEBHOOK_PATH));
  const fix = `${SETUP}, or give --webhook-url when the server is reached elsewhere.`;
  const [near] = [...sameHost, ...samePath];
  if (near) {
    report.problem(
      'endpoint_elsewhere',
      `No webhook endpoint delivers to ${url}; ${near.id} delivers to ${near.url}.`,
      fix,
    );
    return;
  }
  report.problem('endpoint_missing', `No webhook endpoint delivers to ${url}.`, fix);
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : '';
}

function listed(names: string[]): string {
  const shown = names.slice(0, 5).join(', ');
  return names.length > 5 ? `${shown} and ${names.length - 5} more` : shown;
}
