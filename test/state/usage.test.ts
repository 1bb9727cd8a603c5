import { assert as check, integer, property, record } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { combine, formulaOf } from '../../state/aggregation.ts';
import { checkLimit } from '../../state/limits.ts';
import {
  DRAFT_MS,
  LARGEST_QUANTITY,
  meterTimestamp,
  NEWEST_USAGE_MS,
  OLDEST_USAGE_MS,
  refuseUsage,
  windowOf,
} from '../../state/usage.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** A period that begins and ends in the middle of a day. */
const START = Date.parse('2026-11-03T12:34:56Z');
const END = Date.parse('2026-12-03T12:34:56Z');
const periods = { boundaries: [START, END], since: START - 90 * DAY };

describe('usage', () => {
  it('is refused with the reason that holds', () => {
    const now = END - DAY;
    const refusal = (quantity: number, at: number, then = now) =>
      refuseUsage({ quantity, at }, { now: then, ...periods });
    expect(refusal(1, now)).toBeNull();
    expect(refusal(0, now)).toBeNull();
    expect(refusal(LARGEST_QUANTITY, now)).toBeNull();
    expect(refusal(-1, now)).toBe('negative_quantity');
    expect(refusal(0.5, now)).toBe('not_a_whole_number');
    expect(refusal(Number.NaN, now)).toBe('not_a_whole_number');
    expect(refusal(LARGEST_QUANTITY + 1, now)).toBe('quantity_too_large');
    expect(refusal(1, now + NEWEST_USAGE_MS)).toBeNull();
    expect(refusal(1, now + NEWEST_USAGE_MS + 1)).toBe('in_future');
    expect(refusal(1, now - OLDEST_USAGE_MS - 1)).toBe('too_old');
    expect(refusal(1, START - 1)).toBe('period_closed');
    // The draft takes it for an hour; the last ten minutes are kept for its delivery.
    expect(refusal(1, END - 1, END + 50 * MINUTE)).toBeNull();
    expect(refusal(1, END - 1, END + 50 * MINUTE + 1)).toBe('period_closed');
    const young = { now, boundaries: [START, END], since: START };
    expect(refuseUsage({ quantity: 1, at: START - 1 }, young)).toBe('before_subscription');
    expect(
      refuseUsage({ quantity: 1, at: now - DAY }, { now, boundaries: [], since: null }),
    ).toBeNull();
  });

  it('falls into a window of a day, cut where a period begins', () => {
    const at = (text: string) => Date.parse(`2026-${text}Z`);
    expect(windowOf(at('11-20T23:59:59.999'), periods.boundaries)).toBe(at('11-20T00:00:00'));
    expect(windowOf(END - 1, periods.boundaries)).toBe(at('12-03T00:00:00'));
    expect(windowOf(END, periods.boundaries)).toBe(END);
    expect(windowOf(END + 11 * HOUR, periods.boundaries)).toBe(END);
    expect(windowOf(END + 12 * HOUR, periods.boundaries)).toBe(at('12-04T00:00:00'));
  });

  it('is told to Stripe in the period that it was used in, or the next one when that is final', () => {
    check(
      property(
        record({
          used: integer({ min: START, max: END + 20 * DAY }),
          later: integer({ min: 0, max: 40 * DAY }),
        }),
        ({ used, later }) => {
          const now = used + later;
          const { seconds, carriedOver } = meterTimestamp({ lastAt: used }, { now, ...periods });
          const told = seconds * 1000;
          const closed = used < END && now >= END + DRAFT_MS - MINUTE;
          expect(carriedOver).toBe(closed);
          if (carriedOver) return told === END;
          // M-26: never in the second in which it is told; an invoice of that second would miss it.
          return told <= used && told > used - 2000 && told < END === used < END;
        },
      ),
      { verbose: true },
    );
  });

  it('M-26: is told a second before now, which an invoice of this second covers', () => {
    const now = START + DAY;
    const at = (lastAt: number) => meterTimestamp({ lastAt }, { now, ...periods }).seconds * 1000;
    expect([at(now), at(now - 1_000)]).toEqual([now - 1_000, now - 1_000]);
    // The first second of a window has none before it.
    expect(meterTimestamp({ lastAt: START }, { now: START, ...periods }).seconds).toBe(
      START / 1000,
    );
  });

  it('is a sum, a number of records, the last number or the highest', () => {
    const parts = [3, 9, 4].map((quantity, index) => ({ quantity, at: START + (index % 2) }));
    expect(combine('sum', parts)).toBe(16);
    expect(
      combine(
        'count',
        [1, 1].map((quantity) => ({ quantity, at: START })),
      ),
    ).toBe(2);
    // At START + 1 there were 9; of two at one time the one that came later counts.
    expect(combine('last', parts)).toBe(9);
    expect(combine('last', [parts[0]!, parts[2]!])).toBe(4);
    expect([combine('max', parts), combine('max', []), combine('last', [])]).toEqual([9, 0, 0]);
    expect(['sum', 'count', 'last', 'max'].map((each) => formulaOf(each as 'sum'))).toEqual([
      'sum',
      'sum',
      'last',
      'last',
    ]);
    const now = START + 10 * DAY;
    const record = { quantity: 2, at: now };
    const refusal = (aggregation: 'sum' | 'count') =>
      refuseUsage({ ...record, aggregation }, { now, ...periods });
    expect([refusal('sum'), refusal('count')]).toEqual([null, 'counts_as_one']);
  });

  it('that stands for its period stays in it, however late it comes', () => {
    expect(windowOf(END - 1, periods.boundaries, 'max')).toBe(START);
    expect(windowOf(END + 12 * HOUR, periods.boundaries, 'last')).toBe(END);
    const now = END + 3 * DAY;
    const at = (aggregation: 'sum' | 'last') =>
      meterTimestamp({ lastAt: END - DAY, aggregation }, { now, ...periods });
    expect(at('sum')).toEqual({ seconds: END / 1000, carriedOver: true });
    expect(at('last')).toEqual({ seconds: (END - DAY) / 1000, carriedOver: false });
  });

  it('of a former subscription is never billed with the next one', () => {
    const again = { boundaries: [END, END + 30 * DAY], since: END };
    const late = { now: END + 10 * DAY, ...again };
    expect(meterTimestamp({ lastAt: END - DAY }, late)).toEqual({
      seconds: (END - DAY) / 1000,
      carriedOver: false,
    });
  });

  it('counts in the window that its event falls in', () => {
    check(
      property(integer({ min: START, max: END + 20 * DAY }), (used) => {
        const { seconds } = meterTimestamp({ lastAt: used }, { now: used, ...periods });
        return windowOf(seconds * 1000, periods.boundaries) === windowOf(used, periods.boundaries);
      }),
    );
  });
});

describe('a limit', () => {
  it('says what is left of it', () => {
    expect(checkLimit(3, 1)).toEqual({ allowed: true, limit: 3, remaining: 2 });
    expect(checkLimit(3, 3)).toEqual({ allowed: false, limit: 3, remaining: 0 });
    expect(checkLimit(3, 9)).toEqual({ allowed: false, limit: 3, remaining: 0 });
    expect(checkLimit(null, 9)).toEqual({ allowed: true, limit: null, remaining: null });
    expect(checkLimit(0, null)).toEqual({ allowed: false, limit: 0, remaining: undefined });
    expect(checkLimit(3, null)).toEqual({ allowed: true, limit: 3, remaining: undefined });
  });
});
