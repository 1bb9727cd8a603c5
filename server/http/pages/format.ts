import { STATES, type Tone } from '../../../state/states.ts';
import type { LifecycleState } from '../../../state/types.ts';
import { html, type Html } from './html.ts';

/** The legend of the chart. */
export const TONES: Record<Tone, string> = {
  healthy: 'healthy',
  motion: 'in motion',
  risk: 'at risk',
  blocked: 'no access',
  waiting: 'waiting',
  ended: 'ended',
};

/** The tone of a state. */
export function toneOf(state: LifecycleState): Tone {
  return STATES[state].tone;
}

/** A state as a coloured label. */
export function stateChip(state: LifecycleState): Html {
  return html`<span class="chip tone-${toneOf(state)}">${state}</span>`;
}

const WHOLE = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const SHORT = new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 1 });

/** `1284` → `1,284`. */
export function count(value: number): string {
  return WHOLE.format(value);
}

/** `1284003` → `1.3M`; up to 99,999 it stays whole. */
export function shortCount(value: number): string {
  return value < 100_000 ? WHOLE.format(value) : SHORT.format(value);
}

/** A ratio as per cent with one digit; null is a dash. */
export function percent(ratio: number | null): string {
  return ratio === null ? '–' : `${(ratio * 100).toFixed(1)}%`;
}

/** `2026-03-12 09:41` in UTC. */
export function dateTime(at: number): string {
  return new Date(at).toISOString().slice(0, 16).replace('T', ' ');
}

/** `2026-03-12` in UTC. */
export function date(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}

/** `09:41:07` in UTC. */
export function clockTime(at: number): string {
  return new Date(at).toISOString().slice(11, 19);
}

const STEPS: readonly [unit: string, milliseconds: number][] = [
  ['y', 365 * 86_400_000],
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
];

/** A length of time in its largest unit: `47d`, `3h`, `12s`; below a second `0s`. */
export function shortDuration(milliseconds: number): string {
  const length = Math.abs(milliseconds);
  for (const [unit, size] of STEPS) {
    if (unit === 'y' && length < 2 * size) continue;
    if (length >= size) return `${Math.floor(length / size)}${unit}`;
  }
  return '0s';
}

const WORDS: readonly [word: string, milliseconds: number][] = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1000],
];

/** A length of time in words: `14 days`, `1 hour`. */
export function duration(milliseconds: number): string {
  for (const [word, size] of WORDS) {
    if (milliseconds >= size) {
      const amount = Math.floor(milliseconds / size);
      return `${amount} ${word}${amount === 1 ? '' : 's'}`;
    }
  }
  return 'no time';
}

/** `4s ago` or `in 16d`, as seen from `now`. */
export function relative(at: number, now: number): string {
  const distance = now - at;
  if (distance >= 0) return `${shortDuration(distance)} ago`;
  return `in ${shortDuration(distance)}`;
}

/** A time element: relative text that the client keeps fresh, the exact time beside the pointer. */
export function ago(at: number, now: number): Html {
  const iso = new Date(at).toISOString();
  return html`<time datetime="${iso}" title="${dateTime(at)} UTC" data-ago="${now}"
    >${relative(at, now)}</time
  >`;
}

/** A time element with the exact time as text. */
export function exact(at: number | null): Html {
  if (at === null) return html`–`;
  return html`<time datetime="${new Date(at).toISOString()}">${dateTime(at)}</time>`;
}
