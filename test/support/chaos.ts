import type Stripe from 'stripe';
import { GatewayError, type StripeGateway } from '../../adapters/stripe-gateway.ts';
import type { Database } from '../../db/database.ts';
import type { NewEvent } from '../../db/webhook-events.ts';
import type { AccessCache } from '../../server/lib/services.ts';
import { catchUp } from '../../server/webhooks/catch-up.ts';
import { retryThroughOutages } from '../../server/lib/retry.ts';
import { begunList } from './begun-list.ts';
import type { EngineLab, LabEngine } from './engine-lab.ts';
import { randomFrom, type Random } from './random.ts';
import type { Tape } from './tape.ts';

/** One run of chaos; a failing one is repeated by its numbers. */
export interface ChaosPlan {
  seed: number;
  /** Server processes that share the database. */
  processes: number;
  /** How much goes wrong at Stripe, in the database and by crashes, 0 to 1. */
  trouble: number;
  /** Share of the events that never arrive by themselves. */
  dropped: number;
  /** Share of the events that arrive more than once. */
  duplicated: number;
}

export interface ChaosResult {
  /** How often something was broken on purpose. */
  faults: number;
  crashes: number;
  reads: number;
  deliveries: number;
  /** Subscriptions that lists brought. */
  together: number;
}

class Injected extends Error {
  override name = 'Injected';
}

/** Where each lifecycle stands: what Stripe would answer now. */
class World {
  readonly tapes: Tape[];
  private readonly at: number[];
  reads = 0;

  constructor(tapes: Tape[]) {
    this.tapes = tapes;
    this.at = tapes.map(() => -1);
  }

  /** Moves one lifecycle on by a step; its events, or null when all have ended. */
  advance(random: Random): Stripe.Event[] | null {
    const going = this.tapes.flatMap((tape, i) => (this.at[i]! + 1 < tape.steps.length ? [i] : []));
    if (going.length === 0) return null;
    const i = random.pick(going);
    this.at[i]! += 1;
    return this.tapes[i]!.steps[this.at[i]!]!.events;
  }

  read(id: string): Stripe.Subscription | null {
    this.reads += 1;
    for (const [i, tape] of this.tapes.entries()) {
      const object = tape.steps[this.at[i]!]?.objects.get(id);
      if (object) return object;
    }
    return null;
  }

  /** Every subscription as it is now. */
  readAll(): Stripe.Subscription[] {
    this.reads += 1;
    return this.tapes.flatMap((tape, i) => [...(tape.steps[this.at[i]!]?.objects.values() ?? [])]);
  }

  everything(): Stripe.Event[] {
    return this.tapes.flatMap((tape, i) =>
      tape.steps.slice(0, this.at[i]! + 1).flatMap((step) => step.events),
    );
  }
}

export interface ChaosInput {
  plan: ChaosPlan;
  tapes: Tape[];
  /** Shared by all engines of many runs; each run begins with an empty one. */
  access: AccessCache;
}

/** Plays tapes to several engines at once while things go wrong; resolves when all is quiet. */
export async function runChaos(
  lab: EngineLab,
  databases: Database[],
  input: ChaosInput,
): Promise<ChaosResult> {
  const run = new ChaosRun(lab, databases, input);
  try {
    await run.play();
    await run.findDropped();
    await run.comeToRest();
  } finally {
    await run.stop();
  }
  return run.result();
}

class ChaosRun {
  private readonly lab: EngineLab;
  private readonly databases: Database[];
  private readonly access: AccessCache;
  private readonly plan: ChaosPlan;
  private readonly random: Random;
  private readonly world: World;
  private readonly engines: (LabEngine & { isDead: () => boolean })[] = [];
  private readonly under = new Set<Promise<void>>();
  private readonly ending: Promise<void>[] = [];
  private calm = false;
  private faults = 0;
  private crashes = 0;
  private deliveries = 0;
  private together = 0;

  constructor(lab: EngineLab, databases: Database[], input: ChaosInput) {
    this.lab = lab;
    this.access = input.access;
    this.databases = databases;
    this.plan = input.plan;
    this.random = randomFrom(input.plan.seed);
    this.world = new World(input.tapes);
  }

  /** Lets Stripe's side move on while events are delivered, late, twice, at the same time, or not at all. */
  async play(): Promise<void> {
    const { random, plan } = this;
    for (let i = 0; i < plan.processes; i += 1) await this.startEngine();
    let pending: Stripe.Event[] = [];
    for (;;) {
      const news = random.chance(0.5) || pending.length === 0 ? this.world.advance(random) : [];
      if (news === null && pending.length === 0) break;
      pending = random.shuffled([...pending, ...(news ?? [])]);
      for (const event of pending.splice(0, random.below(pending.length + 1))) this.send(event);
      if (random.chance(0.4)) await pause(random.below(6));
    }
    while (this.under.size > 0) await Promise.all(this.under);
  }

  /** What never arrived is found in Stripe's list. */
  async findDropped(): Promise<void> {
    this.calm = true;
    const { services } = await this.anyEngine();
    const { reader } = services.engine;
    const store = (events: NewEvent[]) => services.engine.store(events);
    // A fault from before, also one that a slow answer still brings, may pause reads; the periodic job comes again as well.
    await retryThroughOutages(() => catchUp({ core: services, reader }, store, { since: 0 }));
  }

  /** Waits until nothing waits any more: leases of crashed processes end, retries come due. */
  async comeToRest(): Promise<void> {
    // Long, for a busy machine; where all is well it takes a second.
    const deadline = Date.now() + 60_000;
    const { knex } = this.databases[0]!;
    for (;;) {
      const event = await knex('webhook_events').where({ status: 'waiting' }).first();
      const effect = await knex('outbox').where({ status: 'waiting' }).first();
      if (!event && !effect) return;
      if (Date.now() > deadline) {
        throw new Error(`Never came to rest: ${JSON.stringify(event ?? effect)}`);
      }
      (await this.anyEngine()).services.engine.wake();
      await pause(25);
    }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.ending, ...this.engines.map((each) => each.services.engine.stop())]);
  }

  result(): ChaosResult {
    const { faults, crashes, deliveries, together } = this;
    return { faults, crashes, deliveries, together, reads: this.world.reads };
  }

  private send(event: Stripe.Event): void {
    if (this.random.chance(this.plan.dropped)) return;
    const copies = this.random.chance(this.plan.duplicated) ? 2 + this.random.below(2) : 1;
    for (let copy = 0; copy < copies; copy += 1) {
      const delivery = this.deliver(event).finally(() => this.under.delete(delivery));
      this.under.add(delivery);
    }
  }

  /** Delivers until it is acknowledged, as Stripe does, but less patiently: then it is as good as dropped. */
  private async deliver(event: Stripe.Event): Promise<void> {
    await pause(this.random.below(8));
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const engine = await this.anyEngine();
      this.deliveries += 1;
      const { status } = await engine.deliver(event);
      if (status === 200 && !engine.isDead()) return;
      await pause(this.random.below(15));
    }
  }

  private async anyEngine(): Promise<LabEngine & { isDead: () => boolean }> {
    const alive = this.engines.filter((engine) => !engine.isDead());
    return alive.length > 0 ? this.random.pick(alive) : this.startEngine();
  }

  private async startEngine(): Promise<LabEngine & { isDead: () => boolean }> {
    let dead = false;
    const { random } = this;
    // A process that hangs, or that the database cannot hear: others take its work over while it goes on.
    const hangs = random.chance(this.plan.trouble / 2);
    const database = this.databases[this.engines.length % this.databases.length]!;
    const probe = (step: string): void => {
      if (dead) throw new Injected(`${step} of a process that crashed`);
      if (step === 'before_renew' && hangs && !this.calm) throw new Injected('no renewal in time');
      if (this.calm || !random.chance(this.plan.trouble * 0.15)) return;
      this.faults += 1;
      dead = random.chance(0.3);
      if (dead) {
        this.crashes += 1;
        // A process that is gone claims nothing more; what it had under way breaks at the next step.
        this.ending.push(engine.services.engine.stop());
      }
      throw new Injected(`${dead ? 'crash' : 'failure'} at ${step}`);
    };
    const engine = this.lab.engine(database, {
      probe,
      access: this.access,
      engine: {
        concurrency: 8,
        lease: 80,
        effectLease: 80,
        ackTimeout: 400,
        retryBase: 5,
        retryMax: 40,
        outageBase: 5,
        poll: 250,
      },
      env: { WEBHOOK_ACK: random.chance(0.7) ? 'processed' : 'stored' },
    });
    this.breakStripe(engine.services.stripe);
    const alive = { ...engine, isDead: () => dead };
    this.engines.push(alive);
    await engine.services.engine.start();
    return alive;
  }

  /** Stripe as the tapes have it, with rate limits, outages, time-outs and slow old answers. */
  private breakStripe(stripe: StripeGateway): void {
    const mayFail = async () => {
      const { random, plan } = this;
      if (this.calm || !random.chance(plan.trouble * 0.5)) return;
      this.faults += 1;
      const kind = random.below(4);
      if (kind === 0) throw gatewayError('rate_limited', random.chance(0.5) ? 0.01 : null);
      if (kind === 1) throw gatewayError('unavailable', null);
      // Slow: what was true when it was asked is told when it is no longer true.
      await pause(random.below(kind === 2 ? 30 : 150));
    };
    stripe.retrieveSubscription = async (id) => {
      const object = this.world.read(id);
      await mayFail();
      if (!object) throw gatewayError('not_found', null);
      return object;
    };
    stripe.subscriptionsBegun = async (span) => {
      const page = begunList(this.world.readAll(), span);
      await mayFail();
      this.together += page.data.length;
      return page;
    };
    const page = () => this.world.everything().toReversed();
    stripe.listEvents = () => Promise.resolve({ has_more: false, answeredAt: null, data: page() });
    stripe.listTestClocks = () => Promise.resolve([]);
    stripe.retrieveInvoice = () => Promise.reject(gatewayError('not_found', null));
  }
}

function gatewayError(kind: GatewayError['kind'], retryAfter: number | null): GatewayError {
  return new GatewayError(kind, `${kind} on purpose`, {
    code: null,
    declineCode: null,
    retryAfter,
    param: null,
    status: null,
    cause: undefined,
  });
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
