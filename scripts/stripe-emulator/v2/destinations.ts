import type Stripe from 'stripe';
import type { Account } from '../kernel/account.ts';
import type { Context } from '../kernel/context.ts';
import { invalidRequest } from '../kernel/errors.ts';

/** An event destination as kept: its secret is shown once, when it is made. */
export interface Destination {
  id: string;
  created: string;
  updated: string;
  name: string;
  description: string;
  enabledEvents: string[];
  payload: 'snapshot' | 'thin';
  apiVersion: string | null;
  metadata: Record<string, string>;
  status: 'enabled' | 'disabled';
  url: string;
  secret: string;
}

const KIND = 'event_destination';

/** All destinations of an account, oldest first. */
export function destinationsOf(account: Account): Destination[] {
  const ids = account.store.find('_note', `${KIND}s:all`)?.data['ids'];
  if (typeof ids !== 'string' || ids === '') return [];
  return ids.split(',').flatMap((id) => {
    const text = account.store.find('_note', `${KIND}:${id}`)?.data['json'];
    return typeof text === 'string' ? [parsed(text)] : [];
  });
}

/** The emulator reads only what `keepDestination` wrote. */
function parsed(text: string): Destination {
  const destination: Destination = JSON.parse(text);
  return destination;
}

/** Stores a new or changed destination. */
export function keepDestination(ctx: Context, destination: Destination): void {
  ctx.note(KIND, destination.id)['json'] = JSON.stringify(destination);
  const known = destinationsOf(ctx.account).map(({ id }) => id);
  if (!known.includes(destination.id)) known.push(destination.id);
  ctx.note(`${KIND}s`, 'all')['ids'] = known.join(',');
  ctx.account.revision += 1;
}

export function forgetDestination(ctx: Context, id: string): void {
  const rest = destinationsOf(ctx.account).filter((destination) => destination.id !== id);
  ctx.note(`${KIND}s`, 'all')['ids'] = rest.map((destination) => destination.id).join(',');
  ctx.account.revision += 1;
}

export function needDestination(ctx: Context, id: string): Destination {
  const found = destinationsOf(ctx.account).find((destination) => destination.id === id);
  if (found === undefined) {
    throw invalidRequest(`No such event destination: ${id}`, { status: 404, code: 'not_found' });
  }
  return found;
}

/** The destination as the delivery machinery takes it. */
export function asEndpoint(destination: Destination): Stripe.WebhookEndpoint {
  return {
    id: destination.id,
    object: 'webhook_endpoint',
    api_version: destination.payload === 'thin' ? 'thin' : destination.apiVersion,
    application: null,
    created: Math.floor(Date.parse(destination.created) / 1000),
    description: destination.description,
    enabled_events: destination.enabledEvents,
    livemode: false,
    metadata: destination.metadata,
    secret: destination.secret,
    status: destination.status,
    url: destination.url,
  };
}
