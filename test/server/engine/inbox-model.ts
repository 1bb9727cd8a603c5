/**
 * A model of how events are processed, small enough to be explored to the last state: Stripe makes three events of one
 * customer and delivers them in any order and again, and two workers claim, load, read and commit, while leases expire, answers
 * are lost and workers crash at any step. Each step is one statement or one transaction of the program: `claim` is
 * db/customer-locks.ts, `load` server/sync/load.ts, `read` server/sync/read-stripe.ts, `commit` server/sync/commit.ts.
 */

/** Not made yet; made at Stripe and not stored; in the inbox; processed. */
type EventStatus = 'future' | 'sent' | 'waiting' | 'done';

interface Worker {
  phase: 'idle' | 'claimed' | 'loaded' | 'read' | 'half';
  /** Whether its fencing token is still the one of the lease. */
  current: boolean;
  /** The events that it has loaded. */
  events: boolean[];
  /** How many changes of Stripe its read has seen. */
  version: number;
}

export interface World {
  events: EventStatus[];
  /** How often the effects of each event were written. */
  applied: number[];
  /** Of the lease: given back or never taken, held, or held by a process that did not renew it in time. */
  lease: 'free' | 'live' | 'expired';
  /** How many changes of Stripe the stored row shows. */
  stored: number;
  workers: Worker[];
  /** What a step has done that must never be done; the exploration ends there. */
  wrong: string | null;
}

/** What is left out of the protocol, or done otherwise; each must be found. */
export interface Fault {
  /** The commit does not look at the fence. */
  noFence?: boolean;
  /** The commit looks at the fence, and not whether the lease was given back. */
  noGiveBackCheck?: boolean;
  /** "Done" is a transaction of its own, before the effects. */
  doneFirst?: boolean;
  /** "Done" is a transaction of its own, after the effects. */
  doneLast?: boolean;
  /** A lease lasts until it is given back. */
  noExpiry?: boolean;
  /** Stripe is read before the events are loaded. */
  readFirst?: boolean;
  /** A fence begins at 1 again once the row of an idle customer was deleted. */
  fenceComesAgain?: boolean;
  /** A lease is renewed by its customer alone, not by its fence. */
  renewsAnyLease?: boolean;
  /** A delivery that comes again is stored again. */
  storesAgain?: boolean;
  /** What failed counts as processed. */
  failureIsDone?: boolean;
}

const EVENTS = 3;
const WORKERS = 2;
const IDLE: Worker = { phase: 'idle', current: false, events: [], version: 0 };

export const START: World = {
  events: Array.from({ length: EVENTS }, () => 'future'),
  applied: Array.from({ length: EVENTS }, () => 0),
  lease: 'free',
  stored: 0,
  workers: Array.from({ length: WORKERS }, () => IDLE),
  wrong: null,
};

/** Every world that can follow, by what happens. */
export function stepsOf(world: World, fault: Fault): [name: string, next: World][] {
  if (world.wrong !== null) return [];
  return [
    ...stripeSteps(world, fault),
    ...(world.lease === 'live' && !fault.noExpiry
      ? [['a lease expires', { ...world, lease: 'expired' }] as [string, World]]
      : []),
    ...world.workers.flatMap((_, w) => workerSteps(world, w, fault)),
  ];
}

const replaced = <T>(list: readonly T[], index: number, value: T): T[] =>
  list.map((each, i) => (i === index ? value : each));

function stripeSteps(world: World, fault: Fault): [string, World][] {
  const { events } = world;
  const steps: [string, World][] = [];
  const next = events.indexOf('future');
  if (next !== -1) {
    steps.push([`event ${next} happens`, { ...world, events: replaced(events, next, 'sent') }]);
  }
  for (const [i, status] of events.entries()) {
    const isStored = status === 'sent' || (status === 'done' && fault.storesAgain);
    if (isStored) {
      steps.push([`event ${i} is stored`, { ...world, events: replaced(events, i, 'waiting') }]);
    }
  }
  return steps;
}

function workerSteps(world: World, w: number, fault: Fault): [string, World][] {
  const worker = world.workers[w]!;
  const steps: [string, World][] = [];
  const become = (changes: Partial<Worker>, more: Partial<World> = {}): World => ({
    ...world,
    ...more,
    workers: replaced(world.workers, w, { ...worker, ...changes }),
  });
  const add = (name: string, next: World) => steps.push([`worker ${w}: ${name}`, next]);
  if (worker.phase === 'idle') {
    const isDue = world.events.includes('waiting');
    if (isDue && world.lease !== 'live') add('claims', claimed(world, w, fault));
    return steps;
  }
  add('crashes', become(IDLE));
  if (world.lease === 'expired' && (worker.current || fault.renewsAnyLease)) {
    add('renews its lease', become({ current: true }, { lease: 'live' }));
  }
  if (worker.phase !== 'half') {
    const isOurs = worker.current && world.lease !== 'free';
    const events = fault.failureIsDone
      ? world.events.map((status, i) => (worker.events[i] ? 'done' : status))
      : world.events;
    add('fails', become(IDLE, isOurs ? { lease: 'free', events } : {}));
  }
  const waiting = world.events.map((status) => status === 'waiting');
  const version = world.events.filter((status) => status !== 'future').length;
  switch (worker.phase) {
    case 'claimed':
      if (fault.readFirst) add('reads', become({ phase: 'loaded', version }));
      else add('loads', become({ phase: 'loaded', events: waiting }));
      break;
    case 'loaded':
      if (fault.readFirst) add('loads', become({ phase: 'read', events: waiting }));
      else add('reads', become({ phase: 'read', version }));
      break;
    case 'read':
      for (const [name, next] of commits(world, w, fault)) add(name, next);
      break;
    case 'half':
      add('goes on', secondHalf(world, w, fault));
      break;
  }
  return steps;
}

function claimed(world: World, w: number, fault: Fault): World {
  const isNew = world.lease === 'free' && fault.fenceComesAgain;
  const workers = world.workers.map((other, i): Worker => {
    if (i === w) return { ...IDLE, phase: 'claimed', current: true };
    return { ...other, current: isNew ? other.phase !== 'idle' : false };
  });
  return { ...world, lease: 'live', workers };
}

function commits(world: World, w: number, fault: Fault): [string, World][] {
  const worker = world.workers[w]!;
  const isHeld = world.lease !== 'free' || fault.noGiveBackCheck === true;
  const isOurs = (worker.current && isHeld) || fault.noFence === true;
  const idle = replaced(world.workers, w, IDLE);
  if (!isOurs) return [['is refused', { ...world, workers: idle }]];
  if (fault.doneFirst || fault.doneLast) {
    const half = { ...worker, phase: 'half' as const };
    const workers = replaced(world.workers, w, half);
    const first = fault.doneFirst ? marked(world, worker) : written(world, worker);
    return [['writes the first half', { ...first, workers }]];
  }
  const next: World = { ...marked(written(world, worker), worker), lease: 'free' };
  return [
    ['commits', { ...next, workers: idle }],
    // It is not known whether it came through, so the same is tried again.
    ['commits, and the answer is lost', next],
  ];
}

function secondHalf(world: World, w: number, fault: Fault): World {
  const worker = world.workers[w]!;
  const next = fault.doneFirst ? written(world, worker) : marked(world, worker);
  return { ...next, lease: 'free', workers: replaced(world.workers, w, IDLE) };
}

/** Rows, history and effects. */
function written(world: World, { events, version, current }: Worker): World {
  const applied = world.applied.map((times, i) => times + Number(events[i]));
  const isOld = version < world.stored;
  let wrong = world.wrong;
  if (!current) wrong = 'a worker that had lost its lease has written';
  if (isOld) wrong = 'an older read was written over a newer one';
  return { ...world, applied, stored: version, wrong };
}

const marked = (world: World, { events }: Worker): World => ({
  ...world,
  events: world.events.map((status, i) => (events[i] ? 'done' : status)),
});

/** What is wrong with a world; null when nothing is. */
export function problemOf(world: World): string | null {
  const { events, applied, stored, wrong, workers } = world;
  if (wrong !== null) return wrong;
  if (applied.some((times) => times > 1)) return 'an event was applied twice';
  if (workers.filter(({ current, phase }) => current && phase !== 'idle').length > 1) {
    return 'two workers hold the lease';
  }
  for (const [i, status] of events.entries()) {
    if (status === 'done' && applied[i] === 0) return 'an event is done and was not applied';
    if (status !== 'done' && applied[i] === 1) return 'an event was applied and is not done';
    if (status === 'done' && stored <= i) return 'an event is done and its change was not read';
  }
  return null;
}

/** One short text for equal worlds. */
export function nameOf({ events, applied, lease, stored, workers, wrong }: World): string {
  const parts = workers.map(
    ({ phase, current, events: own, version }) =>
      `${phase} ${current} ${own.map(Number).join('')} ${version}`,
  );
  const shared = [events.map(([first]) => first).join(''), applied.join(''), lease, stored, wrong];
  return [...shared, ...parts].join('|');
}

/** Whether all is done that there is to do. */
export const isEnd = ({ events, stored, workers }: World): boolean =>
  events.every((status) => status === 'done') &&
  stored === EVENTS &&
  workers.every(({ phase }) => phase === 'idle');
