import type { Account } from '../kernel/account.ts';
import { wireEvent, type EventRecord } from '../kernel/events.ts';
import { lookupIn } from './lookup.ts';
import { isOlder, renderEventData } from './render.ts';

/**
 * The body of an event for an endpoint of an API version (null = the event's own). A thin event is carried
 * whole in its data.
 */
export function eventBody(account: Account, event: EventRecord, version: string | null): unknown {
  if (version === 'thin') {
    const body: unknown = JSON.parse(event.data.toString('utf8'));
    return body;
  }
  const body = wireEvent(event);
  const shown = version ?? event.apiVersion;
  if (!isOlder(shown)) return { ...body, api_version: shown };
  return {
    ...body,
    api_version: shown,
    data: renderEventData(body.data, shown, lookupIn(account)),
  };
}
