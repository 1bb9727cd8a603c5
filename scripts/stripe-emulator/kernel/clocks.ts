import type Stripe from 'stripe';
import type { Account } from './account.ts';
import type { Emulator } from './emulator.ts';

type Clock = Stripe.TestHelpers.TestClock;

/** Runs a clock's due work up to the moment that it is advancing to, in the background; then it is `ready`. */
export function runToTarget(emulator: Emulator, account: Account, clock: Clock): void {
  const until = clock.status_details.advancing?.target_frozen_time ?? clock.frozen_time;
  setImmediate(() => {
    void emulator
      .runClock(account, clock.id, until)
      .then((done) => {
        if (!done) return;
        clock.frozen_time = until;
        clock.status = 'ready';
        clock.status_details = {};
        emulator.context(account).emit('test_helpers.test_clock.ready', clock);
      })
      .catch(emulator.hooks.onBug);
  });
}

/** Takes up the work of an account that was read from a file: clocks that were advancing go on. */
export function resumeClocks(emulator: Emulator, account: Account): void {
  for (const clock of account.store.of('test_helpers.test_clock').values())
    if (clock.status === 'advancing') runToTarget(emulator, account, clock);
}
