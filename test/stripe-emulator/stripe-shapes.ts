import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

/**
 * Knows the shapes of the `stripe` package's declaration files, so that a test can ask whether an object at run
 * time has keys that its type does not know, lacks keys that it requires, or holds another type of value.
 */

interface Field {
  readonly type: string;
  readonly optional: boolean;
}
type Fields = Map<string, Field>;

/** One `{ … }` of a declaration file: interfaces, type aliases and namespaces by name, and what encloses it. */
interface Scope {
  readonly parent: Scope | null;
  readonly interfaces: Map<string, Fields>;
  readonly aliases: Map<string, string>;
  readonly namespaces: Map<string, Scope>;
}
interface Shape {
  readonly fields: Fields;
  readonly scope: Scope;
}

function newScope(parent: Scope | null): Scope {
  return { parent, interfaces: new Map(), aliases: new Map(), namespaces: new Map() };
}

/** The text between the brace at `open` and its partner. */
function block(text: string, open: number): { body: string; end: number } {
  let depth = 0;
  for (let at = open; at < text.length; at += 1) {
    if (text[at] === '{') depth += 1;
    if (text[at] === '}') depth -= 1;
    if (depth === 0) return { body: text.slice(open + 1, at), end: at + 1 };
  }
  return { body: text.slice(open + 1), end: text.length };
}

const HEAD = /(interface|namespace|type)\s+(\w+)(?:\s+extends\s+[\w.<>, ]+)?\s*(\{|=)/g;

function readScope(text: string, parent: Scope | null): Scope {
  const scope = newScope(parent);
  const head = new RegExp(HEAD);
  for (let match = head.exec(text); match !== null; match = head.exec(text)) {
    const [, kind, name = '', opener] = match;
    if (opener === '=') {
      const end = text.indexOf(';', head.lastIndex);
      scope.aliases.set(name, text.slice(head.lastIndex, end));
      head.lastIndex = end;
      continue;
    }
    const { body, end } = block(text, head.lastIndex - 1);
    if (kind === 'namespace') {
      const nested = readScope(body, scope);
      const known = scope.namespaces.get(name);
      if (known === undefined) scope.namespaces.set(name, nested);
      else merge(known, nested);
    } else scope.interfaces.set(name, readFields(body));
    head.lastIndex = end;
  }
  return scope;
}

function merge(into: Scope, from: Scope): void {
  for (const [name, fields] of from.interfaces) into.interfaces.set(name, fields);
  for (const [name, text] of from.aliases) into.aliases.set(name, text);
  for (const [name, scope] of from.namespaces) into.namespaces.set(name, scope);
}

function readFields(body: string): Fields {
  const fields: Fields = new Map();
  for (const part of split(body, ';')) {
    const match = /^\s*(?:readonly )?['"]?([\w.]+)['"]?(\?)?:\s*([\s\S]+)$/.exec(part);
    if (match !== null)
      fields.set(match[1] ?? '', { type: (match[3] ?? '').trim(), optional: match[2] === '?' });
  }
  return fields;
}

/** Splits at a separator outside of brackets. */
function split(text: string, separator: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let from = 0;
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at] ?? '';
    if ('<{[('.includes(char)) depth += 1;
    if ('>}])'.includes(char)) depth -= 1;
    if (depth === 0 && char === separator) {
      parts.push(text.slice(from, at));
      from = at + 1;
    }
  }
  parts.push(text.slice(from));
  return parts.map((part) => part.trim()).filter((part) => part !== '');
}

function declarationFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.d.ts'))
    .map((entry) => join(entry.parentPath, entry.name));
}

function loadShapes(): Map<string, Shape> {
  const main = createRequire(import.meta.url).resolve('stripe');
  const folder = join(
    main.slice(0, main.lastIndexOf('/stripe/') + '/stripe/'.length),
    'esm',
    'resources',
  );
  const shapes = new Map<string, Shape>();
  for (const file of declarationFiles(folder)) {
    const text = readFileSync(file, 'utf8')
      .replaceAll(/\/\*\*?[\s\S]*?\*\//g, '')
      .replaceAll(/\/\/[^\n]*/g, '');
    if (!text.includes("object: '")) continue;
    const scope = readScope(text, null);
    for (const [name, fields] of scope.interfaces) {
      const object = /^'([\w.]+)'$/.exec(fields.get('object')?.type ?? '')?.[1];
      if (object !== undefined && !name.startsWith('Deleted'))
        shapes.set(object, { fields, scope: scopeOf(scope, name) });
    }
  }
  return shapes;
}

/** Names in an interface's fields are looked up in the namespace of the same name first. */
function scopeOf(scope: Scope, name: string): Scope {
  return newScope(scope.namespaces.has(name) ? (scope.namespaces.get(name) ?? scope) : scope);
}

let loaded: Map<string, Shape> | null = null;

/** What is wrong with an object, as `path: problem` lines; empty when its type allows it. Unknown kinds are skipped. */
export function shapeProblems(value: unknown): string[] {
  loaded ??= loadShapes();
  const problems: string[] = [];
  checkObject(value, { shapes: loaded, problems, path: '' });
  return problems;
}

interface Walk {
  readonly shapes: Map<string, Shape>;
  readonly problems: string[];
  readonly path: string;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** An object with an `object` name is judged by that name. */
function checkObject(value: unknown, walk: Walk): boolean {
  if (!isRecord(value) || typeof value['object'] !== 'string' || value['deleted'] === true)
    return false;
  const { object } = value;
  const path = walk.path === '' ? object : walk.path;
  if (object === 'list' && Array.isArray(value['data'])) {
    for (const [at, item] of value['data'].entries())
      checkObject(item, { ...walk, path: `${path}.data[${at}]` });
    return true;
  }
  if (object === 'event') {
    // The type of an event's data depends on its own: the object in it is judged by itself.
    checkObject(isRecord(value['data']) ? value['data']['object'] : null, { ...walk, path: '' });
    return true;
  }
  const shape = walk.shapes.get(object);
  if (shape === undefined) return false;
  checkFields(value, shape, { ...walk, path });
  return true;
}

function checkFields(value: Record<string, unknown>, shape: Shape, walk: Walk): void {
  for (const [key, child] of Object.entries(value)) {
    const field = shape.fields.get(key);
    const path = `${walk.path}.${key}`;
    if (field === undefined) walk.problems.push(`${path}: the type does not know this key`);
    else if (child !== undefined)
      checkValue(child, { type: field.type, scope: shape.scope }, { ...walk, path });
  }
  for (const [key, field] of shape.fields) {
    if (!field.optional && value[key] === undefined)
      walk.problems.push(`${walk.path}.${key}: the type requires this key`);
  }
}

interface Typed {
  readonly type: string;
  readonly scope: Scope;
}

function checkValue(value: unknown, typed: Typed, walk: Walk): void {
  const options = alternatives(typed);
  if (options === null) return;
  if (Array.isArray(value)) {
    const list = options.find(({ type }) => type.startsWith('Array<'));
    if (list === undefined)
      walk.problems.push(`${walk.path}: an array where the type says ${typed.type}`);
    else {
      const inner = { type: list.type.slice('Array<'.length, -1), scope: list.scope };
      for (const [at, item] of value.entries())
        checkValue(item, inner, { ...walk, path: `${walk.path}[${at}]` });
    }
  } else if (isRecord(value)) checkRecord(value, options, walk);
  else if (!options.some((option) => allows(option.type, value))) {
    walk.problems.push(`${walk.path}: ${JSON.stringify(value)} where the type says ${typed.type}`);
  }
}

function checkRecord(value: Record<string, unknown>, options: Typed[], walk: Walk): void {
  if (checkObject(value, walk)) return;
  const shapes = options.flatMap((option) => shapeOf(option) ?? []);
  if (shapes.length === 0) return;
  const tries = shapes.map((shape) => {
    const problems: string[] = [];
    checkFields(value, shape, { ...walk, problems });
    return problems;
  });
  const best = tries.toSorted((a, b) => a.length - b.length)[0] ?? [];
  walk.problems.push(...best);
}

/** The parts of a union with aliases opened; null when a name is unknown here, so that nothing can be said. */
function alternatives({ type, scope }: Typed): Typed[] | null {
  const result: Typed[] = [];
  for (const part of split(type, '|')) {
    const alias = aliasOf(part, scope);
    if (alias === null) result.push({ type: part, scope });
    else {
      const opened = alternatives(alias);
      if (opened === null) return null;
      result.push(...opened);
    }
  }
  return result;
}

function find(path: string, scope: Scope): { holder: Scope; name: string } | null {
  const names = path.split('.');
  const last = names.pop() ?? '';
  for (let start: Scope | null = scope; start !== null; start = start.parent) {
    let holder: Scope | undefined = start;
    for (const name of names) holder = holder?.namespaces.get(name);
    if (holder !== undefined && (holder.interfaces.has(last) || holder.aliases.has(last)))
      return { holder, name: last };
  }
  return null;
}

function aliasOf(type: string, scope: Scope): Typed | null {
  if (!/^[A-Z][\w.]*$/.test(type)) return null;
  const found = find(type, scope);
  const text = found?.holder.aliases.get(found.name);
  return found === null || text === undefined ? null : { type: text, scope: found.holder };
}

function shapeOf({ type, scope }: Typed): Shape | null {
  if (!/^[A-Z][\w.]*$/.test(type)) return null;
  const found = find(type, scope);
  const fields = found?.holder.interfaces.get(found.name);
  if (found === null || fields === undefined) return null;
  return { fields, scope: newScope(found.holder.namespaces.get(found.name) ?? found.holder) };
}

/** Whether one part of a union takes a primitive; names from other files take any. */
function allows(type: string, value: unknown): boolean {
  if (typeof value !== 'string') return type === typeof value || type === JSON.stringify(value);
  return (
    type === 'string' ||
    type === `'${value}'` ||
    /^(OtherString|Decimal|Stripe\.Decimal)$/.test(type)
  );
}
