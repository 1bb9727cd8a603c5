import { defaultSettings, type Account } from '../kernel/account.ts';
import { resumeClocks } from '../kernel/clocks.ts';
import type { Emulator } from '../kernel/emulator.ts';
import { loadAccount } from '../kernel/persistence.ts';
import { Scheduler } from '../kernel/scheduler.ts';
import { Store } from '../kernel/store.ts';
import { onNewAccount } from '../resources/index.ts';
import { forgetKeptErrors } from './calls.ts';
import { rulesOf } from './delivery.ts';

/** Empties an account; its key, its CLI sessions and its listeners stay. */
export function resetAccount(emulator: Emulator, account: Account): void {
  clear(account);
  onNewAccount(emulator.context(account));
  emulator.wake(account);
}

/** Puts an account back to what `dumpAccount` wrote. */
export function restoreAccount(emulator: Emulator, account: Account, text: string): void {
  clear(account);
  loadAccount(account, text);
  emulator.wake(account);
  resumeClocks(emulator, account);
}

function clear(account: Account): void {
  account.store = new Store();
  account.scheduler = new Scheduler();
  account.settings = defaultSettings();
  account.events.length = 0;
  account.eventsById.clear();
  account.idempotency.clear();
  account.requests.length = 0;
  account.counters.clear();
  account.priceDetails.clear();
  account.webhooks.clear();
  account.revision += 1;
  rulesOf(account).clear();
  forgetKeptErrors(account);
}
