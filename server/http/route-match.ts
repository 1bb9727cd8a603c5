import { AppError } from './errors.ts';
import type { Route } from './define-route.ts';

export interface Match {
  route: Route;
  params: Record<string, string>;
}

interface Pattern {
  regex: RegExp;
  names: string[];
  routes: Route[];
}

/**
 * A function from method and path to a row of the table. Throws 404 for an unknown path and 405
 * with `Allow` for a known one; HEAD is served by GET.
 */
export function matchRoute(table: readonly Route[]): (method: string, path: string) => Match {
  const paths = [...new Set(table.map(({ path }) => path))];
  const patterns = paths.map((path) => ({
    ...compile(path),
    routes: table.filter((route) => route.path === path),
  }));
  const fixed = new Map(
    patterns.filter(({ names }) => names.length === 0).map((p) => [p.routes[0]?.path ?? '', p]),
  );
  const variable = patterns.filter(({ names }) => names.length > 0);
  return (method, path) => {
    const pattern = fixed.get(path) ?? variable.find(({ regex }) => regex.test(path));
    if (!pattern) throw new AppError('not_found', 'There is nothing at this path.');
    const wanted = method === 'HEAD' ? 'GET' : method;
    const route = pattern.routes.find((candidate) => candidate.method === wanted);
    if (!route) throw notAllowed(pattern);
    return { route, params: paramsOf(pattern, path) };
  };
}

function compile(path: string): { regex: RegExp; names: string[] } {
  const names = [...path.matchAll(/:(\w+)/g)].map(([, name]) => name ?? '');
  const source = path
    .replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)
    .replaceAll(/:\w+/g, '([^/]+)');
  return { regex: new RegExp(`^${source}$`), names };
}

function paramsOf({ regex, names }: Pattern, path: string): Record<string, string> {
  const values = regex.exec(path)?.slice(1) ?? [];
  try {
    const decoded = values.map((value) => decodeURIComponent(value));
    // No text in the database has this character, and PostgreSQL refuses to look for it.
    if (decoded.some((value) => value.includes('\0'))) throw new URIError('U+0000 in a path');
    return Object.fromEntries(names.map((name, i) => [name, decoded[i] ?? '']));
  } catch (error) {
    throw new AppError('not_found', 'There is nothing at this path.', { cause: error });
  }
}

function notAllowed({ routes }: Pattern): AppError {
  const methods = routes.map(({ method }) => method);
  const allow = [...methods, ...(methods.includes('GET') ? ['HEAD'] : [])].join(', ');
  return new AppError('method_not_allowed', `This path takes ${allow}.`, { headers: { allow } });
}
