import { API_VERSION } from '../../adapters/stripe-gateway.ts';
import type { EventFlag, NewEvent } from '../../db/webhook-events.ts';
import { orderKeyOf, readEvent, type EventFacts } from '../../state/event-facts.ts';

/** Events that change something here. All others are stored, marked `ignored`, and answered 200. */
const RELEVANT = [
  /^(v1\.)?customer\.subscription\./,
  /^invoice\.(?!upcoming)/,
  /^checkout\.session\.(completed|async_payment_(succeeded|failed))$/,
  /^subscription_schedule\./,
  /^customer\.(deleted|updated)$/,
  /^entitlements\.active_entitlement_summary\.updated$/,
  /^charge\.(refunded|refund\.updated|dispute\.)/,
  /^refund\./,
  /^radar\.early_fraud_warning\./,
  /^credit_note\./,
  /^test_helpers\.test_clock\.(advancing|ready)$/,
];

const LONGEST_NAME = 255;
/** Where the calendar of JavaScript ends, in ms; beyond, a time is none. */
const LATEST = 8.64e15;

/** Reads a payload as an event to store. Throws a TypeError when it is no event at all. */
export function toNewEvent(
  payload: string,
  context: {
    live: boolean;
    source: NewEvent['source'];
    receivedAt: number;
    /** What follows from it was told before. */
    isQuiet?: boolean;
  },
): NewEvent {
  const facts = readEvent(JSON.parse(payload));
  if (facts.id.length > LONGEST_NAME) throw new TypeError('Not a Stripe event: its id is too long');
  const flags = flagsOf(facts, context.live);
  if (context.isQuiet) flags.push('quiet');
  const ours = !flags.includes('foreign_account') && !flags.includes('other_mode');
  return {
    id: clean(facts.id),
    type: clean(facts.type),
    subject: clean(orderKeyOf(facts)),
    subscriptionId: facts.subscriptionId && clean(facts.subscriptionId),
    objectId: facts.objectId && clean(facts.objectId),
    payload,
    apiVersion: facts.apiVersion && clean(facts.apiVersion),
    livemode: facts.livemode,
    account: facts.account && clean(facts.account),
    flags,
    source: context.source,
    createdAt: Math.abs(facts.createdAt) <= LATEST ? facts.createdAt : context.receivedAt,
    receivedAt: context.receivedAt,
    status: ours && isRelevant(facts.type) ? 'waiting' : 'ignored',
    facts,
  };
}

/** Whether events of this type change anything here. */
export function isRelevant(type: string): boolean {
  return RELEVANT.some((pattern) => pattern.test(type));
}

function flagsOf(facts: EventFacts, live: boolean): EventFlag[] {
  const flags: EventFlag[] = [];
  if (facts.thin) flags.push('thin');
  if (facts.account !== null) flags.push('foreign_account');
  if (facts.livemode !== live) flags.push('other_mode');
  if (!facts.thin && facts.apiVersion !== API_VERSION) flags.push('other_version');
  if (facts.problem !== null) flags.push('unreadable');
  return flags;
}

/** What PostgreSQL stores and indexes without complaint; a strange event must not fail the others of its batch. */
function clean(text: string): string {
  if (text.length <= LONGEST_NAME && /^[\x20-\x7e]*$/.test(text)) return text;
  return Buffer.from(text.replaceAll('\0', '')).toString().slice(0, LONGEST_NAME);
}
