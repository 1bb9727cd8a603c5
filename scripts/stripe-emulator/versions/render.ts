import { previousAttributes } from '../kernel/events.ts';
import { BEFORE_2025 } from './before-2025.ts';
import { isShape, type Lookup, type Shape } from './shapes.ts';
import { SINCE_BASIL } from './since-basil.ts';
import { SINCE_ENDIVE, withTotals } from './since-endive.ts';

const STEPS = [...SINCE_ENDIVE, ...SINCE_BASIL, ...BEFORE_2025];
const NEWEST = '2026-10-28';

/** True when objects look different in `version` than in the newest version. */
export function isOlder(version: string): boolean {
  return version < NEWEST;
}

/** How objects are to be shown. */
export interface View {
  readonly version: string;
  readonly lookup: Lookup;
}

/**
 * `value` as `version` shows it, all nested objects included. The value itself is not touched. Fields that were only added
 * later show in every version, as at Stripe: what a version undoes is what it renamed or removed.
 */
export function renderFor(value: unknown, view: View): unknown {
  const copy: unknown = structuredClone(value);
  return rendered(copy, view);
}

function rendered(value: unknown, view: View): unknown {
  if (Array.isArray(value)) return value.map((item: unknown) => rendered(item, view));
  if (!isShape(value)) return value;
  if (value['deleted'] === true) return value;
  const { version, lookup } = view;
  for (const step of STEPS) {
    if (value['object'] === step.object && version < step.before) step.undo(value, lookup);
  }
  withTotals(value);
  for (const [key, child] of Object.entries(value)) value[key] = rendered(child, view);
  return value;
}

/**
 * An event's `data` as `version` shows it. The former object is put together again, so that
 * `previous_attributes` names the old version's keys.
 */
export function renderEventData(data: unknown, version: string, lookup: Lookup): unknown {
  if (!isShape(data) || !isOlder(version)) return data;
  const view = { version, lookup };
  const object = renderFor(data['object'], view);
  const previous: unknown = data['previous_attributes'];
  if (!isShape(previous)) return { ...data, object };
  const before = renderFor(merged(data['object'], previous), view);
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
