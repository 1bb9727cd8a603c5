import { previousAttributes } from '../kernel/events.ts';
import { ADDED } from './added-fields.ts';
import { BEFORE_2025 } from './before-2025.ts';
import { isShape, type Lookup, type Shape } from './shapes.ts';
import { SINCE_BASIL } from './since-basil.ts';
import { SINCE_ENDIVE, withTotals } from './since-endive.ts';

const STEPS = [...SINCE_ENDIVE, ...SINCE_BASIL, ...BEFORE_2025];
const NEWEST = '2026-10-28';
/** The added fields as steps of an object, newest first. */
const LATER = new Map<string, { date: string; path: string[] }[]>();
for (const [date, objects] of Object.entries(ADDED)) {
  for (const [object, paths] of Object.entries(objects)) {
    const known = LATER.get(object) ?? [];
    known.push(...paths.split(' ').map((path) => ({ date, path: path.split('.') })));
    LATER.set(object, known);
  }
}

/** True when objects look different in `version` than in the newest version. */
export function isOlder(version: string): boolean {
  return version < NEWEST;
}

/** How objects are to be shown. */
export interface View {
  readonly version: string;
  readonly lookup: Lookup;
  /** Fields that were added from this date on are left out of versions before them. */
  readonly addedFrom: string;
}

/** `value` as `version` shows it, all nested objects included. The value itself is not touched. */
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
  for (const { date, path } of LATER.get(String(value['object'])) ?? [])
    if (version < date && date >= view.addedFrom) dropPath(value, path);
  withTotals(value);
  for (const [key, child] of Object.entries(value)) value[key] = rendered(child, view);
  return value;
}

/** Removes a field; a step that ends in `[]` goes through an array. */
function dropPath(holder: unknown, path: readonly string[]): void {
  const [step = '', ...rest] = path;
  if (!isShape(holder)) return;
  if (rest.length === 0) delete holder[step];
  else if (!step.endsWith('[]')) dropPath(holder[step], rest);
  else {
    const items: unknown = holder[step.slice(0, -2)];
    if (Array.isArray(items)) for (const item of items) dropPath(item, rest);
  }
}

/**
 * An event's `data` as `version` shows it. The former object is put together again, so that
 * `previous_attributes` names the old version's keys. Endpoints of an old version are sent what was added to it later, too.
 */
export function renderEventData(data: unknown, version: string, lookup: Lookup): unknown {
  if (!isShape(data) || !isOlder(version)) return data;
  const view = { version, lookup, addedFrom: '2026-09-30' };
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
