import { z } from 'zod';
import { typeMatches } from '../kernel/events.ts';
import { randomText } from '../kernel/ids.ts';

const shared = {
  /** How often the fault strikes before it is used up; without it, until it is deleted. */
  times: z.int().positive().optional(),
  /** How many matches pass unharmed first. */
  skip: z.int().nonnegative().default(0),
  /** Share of the matches that it strikes, 0 to 1. */
  probability: z.number().min(0).max(1).default(1),
};
const call = {
  ...shared,
  /** `*` stands for anything: `/v1/subscriptions/*`. */
  path: z.string().default('*'),
  method: z.enum(['GET', 'POST', 'DELETE']).optional(),
};
/** With an idempotency key, the error is kept under it and given again, as Stripe keeps 500s. */
const failure = { ...call, keep: z.boolean().default(false) };
const event = { ...shared, events: z.string().default('*') };
const milliseconds = z.int().min(0).max(600_000);
const reasons = [
  'global-rate',
  'global-concurrency',
  'endpoint-rate',
  'endpoint-concurrency',
  'resource-specific',
] as const;

/** What `POST /_emulator/faults` accepts: one kind of trouble and the calls or events it meets. */
export const faultSpec = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('latency'), ms: milliseconds, ...call }),
  z.strictObject({ type: z.literal('late_answer'), ms: milliseconds, ...call }),
  z.strictObject({
    type: z.literal('rate_limit'),
    reason: z.enum(reasons).optional(),
    retry: z.boolean().default(false),
    ...failure,
  }),
  z.strictObject({
    type: z.literal('error'),
    status: z.int().min(500).max(599).default(500),
    when: z.enum(['before', 'after']).default('before'),
    ...failure,
  }),
  z.strictObject({
    type: z.literal('disconnect'),
    when: z.enum(['before', 'after', 'mid_body']).default('before'),
    ...call,
  }),
  z.strictObject({ type: z.literal('stale_read'), ...call }),
  z.strictObject({ type: z.literal('webhook_delay'), ms: milliseconds, ...event }),
  z.strictObject({
    type: z.literal('webhook_duplicate'),
    copies: z.int().min(2).max(20).default(2),
    ...event,
  }),
  z.strictObject({ type: z.literal('webhook_drop'), ...event }),
  z.strictObject({ type: z.literal('webhook_shuffle'), ms: milliseconds.default(500), ...event }),
]);
export type FaultSpec = z.infer<typeof faultSpec>;
export type CallFault = Extract<FaultSpec, { path: string }>;
export type EventFault = Extract<FaultSpec, { events: string }>;
export type Fault = FaultSpec & { readonly id: string; seen: number; struck: number };

/** The faults of one account, in the order in which they were added. */
export class FaultRules {
  private readonly faults: Fault[] = [];
  private readonly random: () => number;

  constructor(random: () => number = Math.random) {
    this.random = random;
  }

  add(spec: FaultSpec): Fault {
    const fault = { ...spec, id: `fault_${randomText(12)}`, seen: 0, struck: 0 };
    this.faults.push(fault);
    return fault;
  }

  list(): readonly Fault[] {
    return this.faults;
  }

  remove(id: string): boolean {
    const at = this.faults.findIndex((fault) => fault.id === id);
    if (at === -1) return false;
    this.faults.splice(at, 1);
    return true;
  }

  clear(): void {
    this.faults.length = 0;
  }

  /** The faults that strike this call; each is counted. */
  forCall(method: string, path: string): (CallFault & Fault)[] {
    return this.faults
      .filter((fault): fault is CallFault & Fault => 'path' in fault)
      .filter((fault) => (fault.method ?? method) === method && typeMatches(fault.path, path))
      .filter((fault) => this.strikes(fault));
  }

  /** The faults that strike the delivery of an event of this type; each is counted. */
  forEvent(type: string): (EventFault & Fault)[] {
    return this.faults
      .filter((fault): fault is EventFault & Fault => 'events' in fault)
      .filter((fault) => typeMatches(fault.events, type))
      .filter((fault) => this.strikes(fault));
  }

  private strikes(fault: Fault): boolean {
    fault.seen += 1;
    if (fault.seen <= fault.skip) return false;
    if (fault.times !== undefined && fault.struck >= fault.times) return false;
    if (this.random() >= fault.probability) return false;
    fault.struck += 1;
    return true;
  }
}
