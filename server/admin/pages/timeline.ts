import type { LifecycleEventType, LifecycleState, Transition } from '../../../state/types.ts';
import { formatMoney } from '../../../state/money.ts';
import { dateTime, duration, exact, relative, stateChip } from '../../http/pages/format.ts';
import { html, type Html, type Value } from '../../http/pages/html.ts';

/** One line of a history, ready to be shown. Times in ms. */
export interface TimelineStep {
  from: LifecycleState;
  to: LifecycleState;
  event: LifecycleEventType;
  unexpected: boolean;
  late: boolean;
  cause: { type: string; id: string };
  actor: string;
  /** Of the command that moved it; null where no command did. */
  requestId: string | null;
  /** Business time of the cause. */
  at: number;
  detail: Transition['detail'];
  /** The number of the invoice that it is about, and when its payment is tried again. */
  invoiceNumber?: string | null;
  nextAttemptAt?: number | null;
}

/** What is known to come next, e.g. the end of a period. */
export interface NextStep {
  from: LifecycleState;
  to: LifecycleState;
  at: number;
  words: string;
}

/** Money that came back, as the timeline tells it at its time. */
export interface ReturnedStep {
  kind: string;
  /** Ready to be read. */
  amount: string;
  /** Stripe's own words. */
  status: string;
  reason: string | null;
  at: number;
}

/** A gap longer than this gets a line of its own; the picture stays short whatever the gap. */
const GAP = 60_000;

export interface TimelineContext {
  now: number;
  next: readonly NextStep[];
  returned?: readonly ReturnedStep[];
  firstNumber?: number;
  /** The moment that is looked at: what came after it is pale, and each line leads to its own. */
  moment?: { at: number | null };
}

/** The history of a subscription, oldest first, each step with its number on the chart. */
export function timeline(steps: readonly TimelineStep[], context: TimelineContext): Html {
  const first = context.firstNumber ?? 1;
  const returned = (context.returned ?? []).toSorted((a, b) => a.at - b.at);
  const between = (from: TimelineStep | undefined, to: TimelineStep | undefined): Html[] =>
    returned
      .filter(({ at }) => at >= (from?.at ?? -Infinity) && at < (to?.at ?? Infinity))
      .map((each) => cameBack(each, context.now));
  return html`<ol class="timeline">
    ${between(undefined, steps[0])}
    ${steps.map(
      (step, index) =>
        html`${gap(steps[index - 1], step)}${line(step, index + first, context)}${between(step, steps[index + 1])}`,
    )}
    ${context.next.map((next) => upcoming(next, context.now))}
  </ol>`;
}

/** The page of the same subscription as it was at a moment. */
export const momentHref = (at: number): string =>
  `?at=${new Date(at).toISOString().slice(0, 19)}Z#moment-title`;
/** A fact beside the state: it moves nothing by itself. */
function cameBack({ kind, amount, status, reason, at }: ReturnedStep, now: number): Html {
  const why = reason === null ? '' : `, ${reason.replaceAll('_', ' ')}`;
  return html`<li class="returned">
    <span class="bullet" aria-hidden="true">↩</span>
    <p class="cause">${kind.replaceAll('_', ' ')} ${amount}</p>
    <p class="small">${relative(at, now)} · ${exact(at)} · ${status.replaceAll('_', ' ')}${why}</p>
  </li>`;
}

function gap(before: TimelineStep | undefined, step: TimelineStep): Html | null {
  if (!before || step.at - before.at < GAP) return null;
  return html`<li class="gap">${duration(step.at - before.at)} in ${before.to}</li>`;
}

function line(step: TimelineStep, number: number, { now, moment }: TimelineContext): Html {
  const said = saidIn(step);
  const isLater = moment && moment.at !== null && step.at > moment.at + 999;
  return html`<li ${isLater && html` class="later"`}>
    <span class="bullet"><span class="hidden-visually">Step </span>${number}</span>
    <div class="moved">
      ${stateChip(step.from)} <span aria-hidden="true">→</span
      ><span class="hidden-visually"> to </span> ${stateChip(step.to)}
      ${step.unexpected && html`<span class="flag" title="The machine does not allow this move; Stripe made it, so it was adopted.">unexpected</span>`}
      ${step.late && html`<span class="flag soft" title="It came to be known after newer facts had been recorded.">late</span>`}
    </div>
    <p class="cause">${step.event}</p>
    <p class="small">
      ${relative(step.at, now)} ·
      ${moment ? html`<a href="${momentHref(step.at)}">${exact(step.at)}</a>` : exact(step.at)} ·
      ${causeOf(step)}
    </p>
    ${said !== '' && html`<p class="small">${said}</p>`}
  </li>`;
}

/** Where a step came from, the event as a link, and who did it. */
export function causeOf(step: Pick<TimelineStep, 'cause' | 'actor' | 'requestId'>): Value {
  const by = `by ${step.actor}${step.requestId === null ? '' : ` · ${step.requestId}`}`;
  if (step.cause.id.startsWith('evt_')) {
    const href = `/admin/events/${encodeURIComponent(step.cause.id)}`;
    return html`<a class="mono" href="${href}">${step.cause.id}</a> ${by}`;
  }
  return `${step.cause.type} ${by}`;
}

/** Shown in words of their own. */
const SPOKEN: ReadonlySet<string> = new Set([
  'amount',
  'currency',
  'invoice',
  'feedback',
  'comment',
]);

/** What Stripe said, in a line: `$20.00 · invoice AB-0001 · decline code insufficient_funds · next attempt 2026-03-02`. */
export function saidIn(
  step: Pick<TimelineStep, 'detail' | 'invoiceNumber' | 'nextAttemptAt'>,
): string {
  const { amount, currency, invoice, feedback, comment } = step.detail;
  const others = Object.entries(step.detail)
    .filter(([name, value]) => !SPOKEN.has(name) && value !== null && value !== '')
    .map(([name, value]) => `${name.replace(/([A-Z])/g, ' $1').toLowerCase()} ${value}`);
  const number = step.invoiceNumber ?? invoice;
  return [
    typeof amount === 'number' && typeof currency === 'string' && formatMoney(amount, currency),
    number && `invoice ${number}`,
    ...others,
    step.nextAttemptAt && `next attempt ${dateTime(step.nextAttemptAt)} UTC`,
    feedback && `left because: ${String(feedback).replaceAll('_', ' ')}`,
    comment && `“${comment}”`,
  ]
    .filter((each): each is string => typeof each === 'string' && each !== '')
    .join(' · ');
}

function upcoming(next: NextStep, now: number): Html {
  return html`<li class="next">
    <span class="bullet" role="img" aria-label="Expected"></span>
    <div class="moved">
      ${stateChip(next.from)}
      ${next.to !== next.from && html`<span aria-hidden="true">→</span><span class="hidden-visually"> to </span> ${stateChip(next.to)}`}
    </div>
    <p class="small">expected ${relative(next.at, now)} · ${exact(next.at)} · ${next.words}</p>
  </li>`;
}
