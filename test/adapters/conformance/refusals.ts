import type { Route } from '../../../server/http/define-route.ts';
import type { Case } from './case.ts';

/** What every route of the API refuses, made from the table itself: a new route brings its own. */
export function refusalsOf(table: readonly Route[]): Case[] {
  const routes = table.filter(({ path, page }) => path.startsWith('/api/') && !page);
  const paths = [...new Set(routes.map(({ path }) => path))];
  return [
    ...routes.flatMap(refusalsOfRoute),
    ...paths.map((path) => ({
      name: `DELETE ${path} is not allowed`,
      method: 'DELETE',
      path: concrete(path),
    })),
  ];
}

function refusalsOfRoute(route: Route): Case[] {
  const { method } = route;
  const path = concrete(route.path);
  const title = `${method} ${route.path}`;
  const cases: Case[] = [];
  if (route.auth === 'user' || route.auth === 'admin') {
    cases.push({ name: `${title} asked by nobody`, as: 'nobody', method, path });
  }
  if (route.auth === 'admin') {
    cases.push({ name: `${title} asked by a user`, as: 'user', method, path });
  }
  const as = route.auth === 'admin' ? 'admin' : 'user';
  if (method === 'GET' && route.auth !== 'admin') {
    cases.push({ name: `HEAD ${route.path}`, as, method: 'HEAD', path });
  }
  if (route.body) {
    const text = { text: '{"plan":' };
    const json = { 'content-type': 'application/json' };
    const plain = { 'content-type': 'text/plain' };
    const unknown = { json: { surprise: 1 } };
    cases.push(
      { name: `${title} with an unknown field`, as, method, path, body: unknown },
      { name: `${title} with broken JSON`, as, method, path, headers: json, body: text },
      { name: `${title} with plain text`, as, method, path, headers: plain, body: text },
    );
  }
  return cases;
}

function concrete(path: string): string {
  return path.replaceAll(/:\w+/g, 'unknown');
}
