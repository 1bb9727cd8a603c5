import { addExtras } from '../../scripts/stripe-emulator/extras.ts';
import { Emulator } from '../../scripts/stripe-emulator/kernel/emulator.ts';
import type { Field } from '../../scripts/stripe-emulator/kernel/params.ts';
import { Registry } from '../../scripts/stripe-emulator/kernel/registry.ts';
import { onNewAccount, registerAll } from '../../scripts/stripe-emulator/resources/index.ts';
import { services } from '../../scripts/stripe-emulator/services.ts';

/** One parameter of one route, by its path: `items[][price]`. */
export interface Parameter {
  readonly route: string;
  readonly path: string;
  readonly key: string;
  readonly field: Field<unknown>;
}

function isField(value: Field<unknown> | object): value is Field<unknown> {
  return 'parse' in value && typeof value.parse === 'function';
}

/** Through arrays and clearable parameters to what they hold. */
export function bare(field: Field<unknown>): Field<unknown> {
  let found = field;
  while (found.inside !== undefined && isField(found.inside)) found = found.inside;
  return found;
}

function within(route: string, parent: string, fields: object): Parameter[] {
  return Object.entries(fields).flatMap(([key, field]: [string, Field<unknown>]) => {
    const path = parent === '' ? key : `${parent}[${key}]`;
    const inner = bare(field).inside;
    const nested = inner === undefined || isField(inner) ? [] : within(route, path, inner);
    return [{ route, path, key, field }, ...nested];
  });
}

/** Every parameter of every route of the API, nested ones too. */
export function allParameters(): Parameter[] {
  const registry = new Registry();
  const emulator = new Emulator({ registry, services, retrySchedule: [], onNewAccount });
  registerAll(registry, emulator);
  addExtras(registry, emulator).close();
  return [...registry.schemas].flatMap(([route, fields]) => within(route, '', fields));
}

/** Refused by name. */
export const isRefused = (field: Field<unknown>): boolean => bare(field).effect === 'refused';

/** Declared to change nothing. */
export const isHarmless = (field: Field<unknown>): boolean => bare(field).effect === 'none';
