import type { Account } from '../kernel/account.ts';
import { wireEvent, type EventRecord } from '../kernel/events.ts';
import { lookupIn } from './lookup.ts';
import { isOlder, renderEventData, renderFor } from './render.ts';
import { isShape } from './shapes.ts';

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

/**
 * What shows answers in an API version; undefined for the newest, in which objects are
 * stored. Events keep their own versions.
 */
export function answerRenderer(
  account: Account,
  version: string,
): ((value: unknown) => unknown) | undefined {
  if (!isOlder(version)) return undefined;
  return (value) => {
    if (isShape(value) && (value['object'] === 'event' || String(value['url']) === '/v1/events'))
      return value;
    return renderFor(value, { version, lookup: lookupIn(account) });
  };
}
