import { previousAttributes } from '../kernel/events.ts';
import { BEFORE_2025 } from './before-2025.ts';
import { isShape, type Lookup, type Shape } from './shapes.ts';
import { SINCE_BASIL } from './since-basil.ts';

const STEPS = [...SINCE_BASIL, ...BEFORE_2025];

/** True when objects look different in `version` than in the newest version. */
export function isOlder(version: string): boolean {
  return STEPS.some((step) => version < step.before);
}

/** `value` as `version` shows it, all nested objects included. The value itself is not touched. */
export function renderFor(value: unknown, version: string, lookup: Lookup): unknown {
  const copy: unknown = structuredClone(value);
  return rendered(copy, version, lookup);
}

function rendered(value: unknown, version: string, lookup: Lookup): unknown {
  if (Array.isArray(value)) return value.map((item: unknown) => rendered(item, version, lookup));
  if (!isShape(value)) return value;
  for (const step of STEPS) {
    if (value['object'] === step.object && version < step.before) step.undo(value, lookup);
  }
  for (const [key, child] of Object.entries(value)) value[key] = rendered(child, version, lookup);
  return value;
}

/**
 * An event's `data` as `version` shows it. The former object is put together again, so that
 * `previous_attributes` names the old version's keys.
 */
export function renderEventData(data: unknown, version: string, lookup: Lookup): unknown {
  if (!isShape(data) || !isOlder(version)) return data;
  const object = renderFor(data['object'], version, lookup);
  const previous: unknown = data['previous_attributes'];
  if (!isShape(previous)) return { ...data, object };
  const before = renderFor(merged(data['object'], previous), version, lookup);
  const changes = previousAttributes(before, object);
  return { ...data, object, previous_attributes: changes ?? {} };
}

/** An object with its former values put back. */
export function merged(now: unknown, previous: unknown): unknown {
  if (!isShape(now) || !isShape(previous) || previous['object'] === 'list') return previous;
  const result: Shape = { ...now };
  for (const [key, value] of Object.entries(previous)) result[key] = merged(now[key], value);
  return result;
}
