/** What a request body or query decodes to, before a schema reads it. */
export type Wire = string | number | boolean | null | Wire[] | { [key: string]: Wire };
export type WireObject = { [key: string]: Wire };

/** Decodes `a[b][0][c]=d` forms (also query strings) into nested values; all leaves are strings. */
export function parseForm(text: string): WireObject {
  const root: WireObject = {};
  if (text === '') return root;
  for (const pair of text.split('&')) {
    if (pair === '') continue;
    const at = pair.indexOf('=');
    const name = decode(at === -1 ? pair : pair.slice(0, at));
    put(root, segments(name), at === -1 ? '' : decode(pair.slice(at + 1)));
  }
  return root;
}

function decode(text: string): string {
  const spaced = text.replaceAll('+', ' ');
  try {
    return decodeURIComponent(spaced);
  } catch {
    return spaced; // a stray % is kept as typed
  }
}

function segments(name: string): string[] {
  const open = name.indexOf('[');
  if (open <= 0 || !name.endsWith(']')) return [name];
  return [name.slice(0, open), ...name.slice(open + 1, -1).split('][')];
}

function put(root: WireObject, path: string[], value: string): void {
  let node: WireObject = root;
  for (let i = 0; i < path.length - 1; i += 1) node = child(node, slot(node, path, i));
  const last = path[path.length - 1] ?? '';
  node[last === '' ? String(Object.keys(node).length) : last] = value;
}

/** `[]` opens a new element, unless the last one still lacks the key that follows (Rails' rule). */
function slot(node: WireObject, path: string[], index: number): string {
  const key = path[index] ?? '';
  if (key !== '') return key;
  const count = Object.keys(node).length;
  const last = count > 0 ? node[String(count - 1)] : undefined;
  const next = path[index + 1] ?? '';
  const open = isWireObject(last) && next !== '' && !Object.hasOwn(last, next);
  return String(open ? count - 1 : count);
}

function child(node: WireObject, key: string): WireObject {
  const existing = Object.hasOwn(node, key) ? node[key] : undefined;
  if (isWireObject(existing)) return existing;
  const created: WireObject = {};
  Object.defineProperty(node, key, {
    value: created,
    enumerable: true,
    writable: true,
    configurable: true,
  });
  return created;
}

/** True for a decoded object (not an array, not null). */
export function isWireObject(value: Wire | undefined): value is WireObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Elements of an array, also of one that came as an object with the keys 0, 1, 2…; null if it is neither. */
export function wireItems(value: Wire): Wire[] | null {
  if (Array.isArray(value)) return value;
  if (!isWireObject(value)) return null;
  const keys = Object.keys(value);
  if (!keys.every((_, at) => Object.hasOwn(value, String(at)))) return null;
  return keys.map((_, at) => value[String(at)] ?? null);
}
