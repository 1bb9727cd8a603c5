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
  request: {
    answer: object;
    paths: readonly string[];
    /** Shows each object as the caller's API version does. */
    render?: (value: unknown) => unknown;
  },
): unknown {
  const render = request.render ?? ((value: unknown) => value);
  const copy = render(plain(request.answer));
  const inList = isJson(copy) && copy['object'] === 'list';
  for (const path of request.paths) {
    const steps = path.split('.');
    if (steps.length > 4)
      throw invalidRequest(
        `You cannot expand more than 4 levels of a property. Property: ${path}`,
        { code: 'property_expansion_max_depth' },
      );
    expandStep({ ctx, registry, path, render, inList, owner: null, trail: '' }, copy, steps);
  }
  return copy;
}

interface Walk {
  ctx: Context;
  registry: Registry;
  path: string;
  /** True where the answer is a list. */
  inList: boolean;
  render: (value: unknown) => unknown;
  /** The object that was entered last, and the way from it, such as `features.subscription_update.`. */
  owner: { object: string; id: string } | null;
  trail: string;
}

function expandStep(walk: Walk, holder: unknown, steps: readonly string[]): void {
  const [step, ...rest] = steps;
  if (step === undefined || holder === null) return;
  if (Array.isArray(holder)) {
    for (const item of holder) expandStep(walk, item, steps);
    return;
  }
  if (!isJson(holder)) throw cannot(walk);
  const { object, id } = holder;
  const here =
    typeof object === 'string' && typeof id === 'string'
      ? { ...walk, owner: { object, id }, trail: '' }
      : walk;
  const next = resolveStep(here, holder, step);
  holder[step] = next;
  expandStep({ ...here, trail: `${here.trail}${step}.` }, next, rest);
}

function resolveStep(walk: Walk, holder: Json, step: string): unknown {
  const value = Object.hasOwn(holder, step) ? holder[step] : undefined;
  if (typeof value === 'string') return referenced(walk, value);
  if (Array.isArray(value))
    return value.map((item: unknown) => (typeof item === 'string' ? referenced(walk, item) : item));
  if (typeof value === 'number' || typeof value === 'boolean' || step === 'metadata')
    throw cannot(walk);
  if (value !== undefined) return value;
  const { owner } = walk;
  const make =
    owner === null ? undefined : walk.registry.includableOf(owner.object, walk.trail + step);
  if (make === undefined || owner === null) {
    if (holder['deleted'] === true || holder['object'] === undefined) return null;
    throw cannot(walk);
  }
  const made = make(walk.ctx, owner.id);
  if (typeof made !== 'object' || made === null) return made ?? null;
  // Shown inside its holder, because some lists are counted there and nowhere else.
  const shown = walk.render({ object: owner.object, [step]: plain(made) });
  return isJson(shown) ? shown[step] : null;
}

function referenced(walk: Walk, id: string): unknown {
  const found = walk.ctx.store.resolve(id);
  if (found !== undefined) return walk.render(plain(found));
  if (NOT_KEPT.test(id)) return id;
  throw cannot(walk);
}

/** Ids of kinds that are not stored: left as they are, as if the account could not see the object. */
const NOT_KEPT = /^(acct|txn|ca|file)_/;

/** The refusal names the whole path; on a list it guesses that a property of the entries was meant. */
function cannot(walk: Walk): Error {
  const { path, inList } = walk;
  const hint =
    inList && !path.startsWith('data')
      ? ` You may want to try expanding 'data.${path}' instead.`
      : '';
  return invalidRequest(`This property cannot be expanded (${path}).${hint}`);
}
