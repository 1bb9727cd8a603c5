/** A call at an address that the API had before: where it is served now, and what the old address says in a parameter. */
export interface MovedPath {
  path: string;
  given: Record<string, string>;
}

const MOVED: [old: RegExp, moved: (match: string[]) => MovedPath][] = [
  [
    /^\/v1\/customers\/([^/]+)\/subscriptions$/,
    ([, customer = '']) => ({ path: '/v1/subscriptions', given: { customer } }),
  ],
  [
    /^\/v1\/customers\/[^/]+\/subscriptions\/([^/]+)$/,
    ([, id = '']) => ({ path: `/v1/subscriptions/${id}`, given: {} }),
  ],
  [
    /^\/v1\/customers\/([^/]+)\/(?:cards|bank_accounts)(\/[^/]+)?$/,
    ([, customer = '', source = '']) => ({
      path: `/v1/customers/${customer}/sources${source}`,
      given: {},
    }),
  ],
  [
    /^\/v1\/charges\/([^/]+)\/refund$/,
    ([, charge = '']) => ({ path: '/v1/refunds', given: { charge } }),
  ],
  [
    /^\/v1\/charges\/([^/]+)\/refunds$/,
    ([, charge = '']) => ({ path: '/v1/refunds', given: { charge } }),
  ],
];

/** Null for every address of today. */
export function movedPath(path: string): MovedPath | null {
  for (const [old, moved] of MOVED) {
    const match = old.exec(path);
    if (match !== null) return moved(match);
  }
  return null;
}
