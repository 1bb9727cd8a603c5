/** How long a period is. */
export interface Every {
  interval: string;
  interval_count: number;
}

const DAY = 86_400;

/** The anchor moved by `n` intervals, UTC; a day that the month lacks becomes its last. */
export function shifted(anchor: number, every: Every, n: number): number {
  const count = every.interval_count * n;
  if (every.interval === 'day') return anchor + count * DAY;
  if (every.interval === 'week') return anchor + count * 7 * DAY;
  return monthsLater(anchor, every.interval === 'year' ? count * 12 : count);
}

/** The same day and time of day, `months` later. */
function monthsLater(anchor: number, months: number): number {
  const date = new Date(anchor * 1000);
  const first = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + months, 1));
  const lastDay = new Date(
    Date.UTC(first.getUTCFullYear(), first.getUTCMonth() + 1, 0),
  ).getUTCDate();
  const start = Math.floor(first.getTime() / 1000);
  const timeOfDay = anchor - Math.floor(anchor / DAY) * DAY;
  return start + (Math.min(date.getUTCDate(), lastDay) - 1) * DAY + timeOfDay;
}

/** The first boundary of the anchor's grid that lies after `at`. */
export function boundaryAfter(anchor: number, every: Every, at: number): number {
  let n = Math.floor((at - anchor) / longest(every)) - 1;
  while (shifted(anchor, every, n) <= at) n += 1;
  while (shifted(anchor, every, n - 1) > at) n -= 1;
  return shifted(anchor, every, n);
}

/** The last boundary of the anchor's grid that is not after `at`. */
export function boundaryUntil(anchor: number, every: Every, at: number): number {
  let n = Math.floor((at - anchor) / longest(every)) - 1;
  while (shifted(anchor, every, n + 1) <= at) n += 1;
  while (shifted(anchor, every, n) > at) n -= 1;
  return shifted(anchor, every, n);
}

function longest(every: Every): number {
  const days = { day: 1, week: 7, month: 31, year: 366 }[every.interval] ?? 31;
  return days * DAY * every.interval_count;
}

/** `billing_cycle_anchor_config`: the next moment on that day (and month, and time of day). */
export function anchorFrom(
  config: { day_of_month: number; month?: number; hour?: number; minute?: number; second?: number },
  now: number,
): number {
  const date = new Date(now * 1000);
  for (let ahead = 0; ahead <= 13; ahead += 1) {
    const first = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + ahead, 1));
    if (config.month !== undefined && first.getUTCMonth() + 1 !== config.month) continue;
    const days = new Date(
      Date.UTC(first.getUTCFullYear(), first.getUTCMonth() + 1, 0),
    ).getUTCDate();
    const at =
      Math.floor(first.getTime() / 1000) +
      (Math.min(config.day_of_month, days) - 1) * DAY +
      (config.hour ?? date.getUTCHours()) * 3600 +
      (config.minute ?? date.getUTCMinutes()) * 60 +
      (config.second ?? date.getUTCSeconds());
    if (at >= now) return at;
  }
  return now;
}
