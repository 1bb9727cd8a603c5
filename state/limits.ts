/** Limits of plans: how much is left. */

export interface LimitAnswer {
  allowed: boolean;
  /** null is unlimited. */
  limit: number | null;
  /** What is left; null is unlimited, undefined is unknown. */
  remaining: number | null | undefined;
}

/**
 * Whether one more is allowed. `used` null: not known, so only a limit of 0 refuses, and the host app compares.
 */
export function checkLimit(limit: number | null, used: number | null): LimitAnswer {
  if (limit === null) return { allowed: true, limit, remaining: null };
  if (used === null) return { allowed: limit > 0, limit, remaining: undefined };
  const remaining = Math.max(0, limit - used);
  return { allowed: remaining > 0, limit, remaining };
}
