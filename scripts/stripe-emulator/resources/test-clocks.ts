import type Stripe from 'stripe';
import { shifted } from '../billing/periods.ts';
import { runToTarget } from '../kernel/clocks.ts';
import type { Context } from '../kernel/context.ts';
import type { Emulator } from '../kernel/emulator.ts';
import { invalidRequest } from '../kernel/errors.ts';
import { listStored } from '../kernel/lists.ts';
import { p, PAGE, paramsOf, type Values } from '../kernel/params.ts';
import type { Registry } from '../kernel/registry.ts';

const createParams = paramsOf<Stripe.TestHelpers.TestClockCreateParams>()({
  frozen_time: p.required(p.timestamp),
  name: p.str,
  customer: p.str,
});
const advanceParams = paramsOf<Stripe.TestHelpers.TestClockAdvanceParams>()({
  frozen_time: p.required(p.timestamp),
});

const TWO_YEARS = 2 * 366 * 86_400;
const KEPT_FOR = 30 * 86_400;

/** `/v1/test_helpers/test_clocks` */
export function registerTestClocks(registry: Registry, emulator: Emulator): void {
  registry.post('/v1/test_helpers/test_clocks', createParams, create);
  registry.get('/v1/test_helpers/test_clocks', { ...PAGE }, (ctx, page) =>
    listStored(ctx, 'test_helpers.test_clock', { url: '/v1/test_helpers/test_clocks', page }),
  );
  registry.get('/v1/test_helpers/test_clocks/:id', {}, (ctx, _params, path) =>
    ctx.store.need('test_helpers.test_clock', path.id),
  );
  registry.post('/v1/test_helpers/test_clocks/:id/advance', advanceParams, (ctx, params, path) => {
    const clock = ctx.store.need('test_helpers.test_clock', path.id);
    refuseBadAdvance(ctx, clock, params.frozen_time);
    return advance(emulator, ctx, { clock, until: params.frozen_time });
  });
  registry.delete('/v1/test_helpers/test_clocks/:id', {}, remove);
}

function create(ctx: Context, params: Values<typeof createParams>): Stripe.TestHelpers.TestClock {
  const clock = ctx.add('test_helpers.test_clock', {
    id: ctx.store.newId('test_helpers.test_clock'),
    object: 'test_helpers.test_clock',
    created: ctx.now(),
    deletes_after: ctx.now() + KEPT_FOR,
    frozen_time: params.frozen_time,
    livemode: false,
    name: params.name ?? null,
    status: 'ready',
    status_details: {},
  });
  ctx.emit('test_helpers.test_clock.created', clock);
  return clock;
}

function refuseBadAdvance(ctx: Context, clock: Stripe.TestHelpers.TestClock, until: number): void {
  if (clock.status === 'advancing') {
    throw invalidRequest('Test clock advancement underway - cannot perform modifications', {
      status: 429,
      code: 'lock_timeout',
    });
  }
  if (until <= clock.frozen_time) {
    throw invalidRequest(
      `You can only advance a test clock to a time in the future. The current frozen time is ${clock.frozen_time}.`,
      { param: 'frozen_time' },
    );
  }
  const furthest = furthestOf(ctx, clock);
  if (until > furthest) {
    throw invalidRequest(
      `A test clock can be advanced by at most two intervals of its shortest subscription, or two years without any. Until ${furthest}, you passed ${until}.`,
      { param: 'frozen_time' },
    );
  }
}

/** Two intervals on, of the shortest subscription that goes on. */
function furthestOf(ctx: Context, clock: Stripe.TestHelpers.TestClock): number {
  let furthest = clock.frozen_time + TWO_YEARS;
  for (const customer of ctx.store.by('customer', 'test_clock', clock.id)) {
    for (const subscription of ctx.store.by('subscription', 'customer', customer.id)) {
      if (subscription.ended_at !== null) continue;
      for (const { price } of subscription.items.data) {
        if (price.recurring === null) continue;
        furthest = Math.min(furthest, shifted(clock.frozen_time, price.recurring, 2));
      }
    }
  }
  return furthest;
}

/** Answers at once with `advancing`; the due work then runs in order and the clock becomes `ready`. */
function advance(
  emulator: Emulator,
  ctx: Context,
  job: { clock: Stripe.TestHelpers.TestClock; until: number },
): Stripe.TestHelpers.TestClock {
  const { clock, until } = job;
  clock.status = 'advancing';
  clock.status_details = { advancing: { target_frozen_time: until } };
  ctx.emit('test_helpers.test_clock.advancing', clock);
  const shown = structuredClone(clock);
  runToTarget(emulator, ctx.account, clock);
  return shown;
}

/** Deleting a clock deletes its customers, and with them their subscriptions; no customer events are sent. */
function remove(ctx: Context, _params: object, path: { id: string }): object {
  const clock = ctx.store.need('test_helpers.test_clock', path.id);
  for (const customer of ctx.store.by('customer', 'test_clock', clock.id)) {
    for (const subscription of ctx.store.by('subscription', 'customer', customer.id))
      ctx.store.remove('subscription', subscription.id);
    ctx.store.remove('customer', customer.id);
  }
  ctx.account.scheduler.forgetClock(clock.id);
  ctx.emit('test_helpers.test_clock.deleted', clock);
  return ctx.store.remove('test_helpers.test_clock', clock.id);
}
