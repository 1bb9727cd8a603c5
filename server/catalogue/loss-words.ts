import type { Loss } from '../../state/terms.ts';

/** What payers on older terms have beyond what is sold now, in words: "exports", "projects: unlimited (now 5)". */
export function lossWords({ features, limits }: Loss): string[] {
  const amount = (limit: number | null | undefined) => {
    if (limit === undefined) return 'none';
    return limit === null ? 'unlimited' : String(limit);
  };
  return [
    ...features,
    ...limits.map(({ name, from, to }) => `${name}: ${amount(from)} (now ${amount(to)})`),
  ];
}
