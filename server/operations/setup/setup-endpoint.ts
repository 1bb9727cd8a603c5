import type { Stripe } from 'stripe';
import { API_VERSION } from '../../../adapters/stripe-gateway.ts';
import { webhookEventTypes } from '../../webhooks/event-types.ts';
import type { SetupContext } from './setup-context.ts';

/** The webhook endpoint: this URL, the API version that the server reads, and exactly the events that it uses. */
export async function setUpEndpoint(ctx: SetupContext): Promise<void> {
  const { webhookUrl: url, live } = ctx.options;
  if (url === null) return;
  const events = webhookEventTypes(live);
  const there = (await ctx.stripe.listWebhookEndpoints()).filter((each) => each.url === url);
  const right = there.find(({ api_version }) => api_version === API_VERSION);
  const surplus = there.filter((each) => each !== right);
  const report = (did: 'created' | 'updated' | 'replaced' | 'kept', id: string | null, why = '') =>
    ctx.report({ kind: 'webhook', what: url, did, id, why });
  if (!right) {
    const made = ctx.dryRun ? null : await ctx.stripe.createWebhookEndpoint(url, events);
    if (made?.secret) ctx.env['STRIPE_WEBHOOK_SECRET'] = made.secret;
    await removeAll(ctx, surplus);
    if (surplus.length === 0) return report('created', made?.id ?? null);
    // The version of an endpoint is fixed when it is made.
    const old = surplus.map(({ api_version }) => api_version ?? 'the account’s default').join(', ');
    return report('replaced', made?.id ?? null, `API version ${old} → ${API_VERSION}`);
  }
  const changes = [...eventChanges(right, events), ...(await removeAll(ctx, surplus))];
  const disabled = right.status !== 'enabled';
  if (disabled) changes.push('it was disabled');
  if (!ctx.dryRun && (disabled || eventChanges(right, events).length > 0)) {
    await ctx.stripe.updateWebhookEndpoint(right.id, { events, disabled: false });
  }
  return report(changes.length > 0 ? 'updated' : 'kept', right.id, changes.join(', '));
}

function eventChanges(endpoint: Stripe.WebhookEndpoint, events: string[]): string[] {
  const has = new Set(endpoint.enabled_events);
  const missing = events.filter((event) => !has.has(event)).length;
  const surplus = endpoint.enabled_events.filter((event) => !events.includes(event)).length;
  return [
    ...(missing > 0 ? [`${missing} events added`] : []),
    ...(surplus > 0 ? [`${surplus} events taken away`] : []),
  ];
}

/** A second endpoint of the same URL delivers every event twice. */
async function removeAll(ctx: SetupContext, surplus: Stripe.WebhookEndpoint[]): Promise<string[]> {
  for (const { id } of surplus) if (!ctx.dryRun) await ctx.stripe.deleteWebhookEndpoint(id);
  return surplus.map(({ id }) => `${id} of the same URL removed`);
}
