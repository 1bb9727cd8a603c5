import { plain, type Context } from './context.ts';
import { invalidRequest } from './errors.ts';
import type { Registry } from './registry.ts';

type Json = Record<string, unknown>;

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The answer with the given properties expanded (to four levels); stored objects are never touched. */
export function expanded(
  ctx: Context,
  registry: Registry,
  request: { answer: object; paths: readonly string[] },
): unknown {
  const copy = plain(request.answer);
  for (const path of request.paths) {
    const steps = path.split('.');
    if (steps.length > 4)
      throw invalidRequest(
        `You cannot expand more than 4 levels of a property. Property: ${path}`,
        { param: 'expand' },
      );
    expandStep({ ctx, registry, path }, copy, steps);
  }
  return copy;
}

interface Walk {
  ctx: Context;
  registry: Registry;
  path: string;
}

function expandStep(walk: Walk, holder: unknown, steps: readonly string[]): void {
  const [step, ...rest] = steps;
  if (step === undefined || holder === null) return;
  if (Array.isArray(holder)) {
    for (const item of holder) expandStep(walk, item, steps);
    return;
  }
  if (!isJson(holder)) throw cannot(walk.path, step);
  const next = resolveStep(walk, holder, step);
  holder[step] = next;
  expandStep(walk, next, rest);
}

function resolveStep(walk: Walk, holder: Json, step: string): unknown {
  const value = Object.hasOwn(holder, step) ? holder[step] : undefined;
  if (typeof value === 'string') return referenced(walk, value, step);
  if (Array.isArray(value))
    return value.map((item: unknown) =>
      typeof item === 'string' ? referenced(walk, item, step) : item,
    );
  if (value !== undefined) return value;
  const { object, id } = holder;
  const make = typeof object === 'string' ? walk.registry.includableOf(object, step) : undefined;
  if (make === undefined || typeof id !== 'string') {
    if (holder['deleted'] === true || holder['object'] === undefined) return null;
    throw cannot(walk.path, step);
  }
  const made = make(walk.ctx, id);
  return typeof made === 'object' && made !== null ? plain(made) : (made ?? null);
}

function referenced(walk: Walk, id: string, step: string): unknown {
  const found = walk.ctx.store.resolve(id);
  if (found !== undefined) return plain(found);
  if (NOT_KEPT.test(id)) return id;
  throw cannot(walk.path, step);
}

/** Ids of kinds that are not stored: left as they are, as if the account could not see the object. */
const NOT_KEPT = /^(acct|txn|ca|file)_/;

function cannot(path: string, step: string): Error {
  return invalidRequest(
    `This property cannot be expanded (${step}).${path === step ? '' : ` You may want to try expanding '${path}' on another object.`}`,
    { param: 'expand' },
  );
}
