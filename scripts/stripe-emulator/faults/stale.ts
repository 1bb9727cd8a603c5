import type { Account } from '../kernel/account.ts';
import { isShape, type Shape } from '../versions/shapes.ts';
import { merged } from '../versions/render.ts';

/** An answer as a lagging replica gives it: each object as it was before its latest change. */
export function agedBody(account: Account, body: string): string {
  const value: unknown = JSON.parse(body);
  if (!isShape(value)) return body;
  const { data } = value;
  if (value['object'] === 'list' && Array.isArray(data)) {
    return JSON.stringify({ ...value, data: data.map((item: unknown) => aged(account, item)) });
  }
  return JSON.stringify(aged(account, value));
}

function aged(account: Account, object: unknown): unknown {
  if (!isShape(object)) return object;
  const previous = latestChange(account, String(object['id']));
  return previous === null ? object : merged(object, previous);
}

function latestChange(account: Account, id: string): Shape | null {
  for (let at = account.events.length - 1; at >= 0; at -= 1) {
    const event = account.events[at];
    if (event?.objectId !== id) continue;
    const data: unknown = JSON.parse(event.data.toString('utf8'));
    if (isShape(data) && isShape(data['previous_attributes'])) return data['previous_attributes'];
  }
  return null;
}
