/** The billing period that `now` lies in, in ms; the calendar month (UTC) for a user without a subscription. */
export function usagePeriod(
  account: { boundaries: readonly number[] } | null,
  now: number,
): { from: number; until: number | null } {
  const boundaries = account?.boundaries ?? [];
  const begun = boundaries.filter((at) => at <= now);
  if (begun.length === 0) {
    const date = new Date(now);
    const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
    return { from: Date.UTC(year, month, 1), until: Date.UTC(year, month + 1, 1) };
  }
  const later = boundaries.filter((at) => at > now);
  return { from: Math.max(...begun), until: later.length > 0 ? Math.min(...later) : null };
}
