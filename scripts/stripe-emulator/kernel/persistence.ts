import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { Stripe } from 'stripe';
import type { Account, AccountSettings, IdempotentAnswer, PriceDetails } from './account.ts';
import { resumeClocks } from './clocks.ts';
import type { Emulator } from './emulator.ts';
import type { EventRecord } from './events.ts';
import type { ObjectName, Stored } from './objects.ts';
import type { DueWork } from './scheduler.ts';
import type { Store, Tombstone } from './store.ts';
import type { Delivery } from './webhooks.ts';

/** All that an account is, as JSON. The emulator reads only what it wrote itself. */
export interface AccountFile {
  key: string;
  settings: AccountSettings;
  objects: [ObjectName, { id: string }[]][];
  tombstones: Tombstone[];
  events: FiledEvent[];
  schedule: DueWork[];
  idempotency: [string, IdempotentAnswer][];
  counters: [string, number][];
  priceDetails: [string, PriceDetails][];
  /** Deliveries that have neither arrived nor failed; `event` is an id where the account keeps the event. */
  deliveries?: (Omit<Delivery, 'event'> & { event: string | FiledEvent })[];
}
type FiledEvent = Omit<EventRecord, 'data'> & { data: string };

const filed = (event: EventRecord): FiledEvent => ({ ...event, data: event.data.toString('utf8') });
const unfiled = (event: FiledEvent): EventRecord => ({
  ...event,
  data: Buffer.from(event.data, 'utf8'),
});

/** The account as text; `loadAccount` reads it back. */
export function dumpAccount(account: Account): string {
  const { objects, tombstones } = account.store.dump();
  const file: AccountFile = {
    key: account.key,
    settings: account.settings,
    objects,
    tombstones,
    events: account.events.map(filed),
    schedule: account.scheduler.dump(),
    idempotency: [...account.idempotency].filter(([, answer]) => !answer.running),
    counters: [...account.counters],
    priceDetails: [...account.priceDetails],
    deliveries: account.webhooks.unfinished().map((delivery) => ({
      ...delivery,
      event: account.eventsById.has(delivery.event.id) ? delivery.event.id : filed(delivery.event),
    })),
  };
  return JSON.stringify(file);
}

/** Fills a fresh account from `dumpAccount`'s text. */
export function loadAccount(account: Account, text: string): void {
  const file: AccountFile = JSON.parse(text, revive);
  account.settings = { ...account.settings, ...file.settings };
  for (const [name, objects] of file.objects)
    for (const object of stored(name, objects)) account.store.add(name, object);
  account.store.restoreTombstones(file.tombstones);
  relink(account.store);
  for (const event of file.events) account.keep(unfiled(event));
  for (const work of file.schedule) account.scheduler.set(work);
  for (const [key, answer] of file.idempotency) account.idempotency.set(key, answer);
  for (const [name, count] of file.counters) account.counters.set(name, count);
  for (const [price, details] of file.priceDetails) account.priceDetails.set(price, details);
  for (const { event, ...delivery } of file.deliveries ?? []) {
    const record = typeof event === 'string' ? account.eventsById.get(event) : unfiled(event);
    const known = account.store.find('webhook_endpoint', delivery.endpoint.id);
    if (record !== undefined)
      account.webhooks.resume({
        ...delivery,
        event: record,
        endpoint: known ?? delivery.endpoint,
      });
  }
}

/** Decimals are text in JSON and objects in memory. */
function revive(key: string, value: unknown): unknown {
  return key.endsWith('_decimal') && typeof value === 'string' ? Stripe.Decimal.from(value) : value;
}

/** What the file lists under a kind was written from objects of that kind. */
function stored<K extends ObjectName>(name: K, objects: { id: string }[]): Stored[K][];
function stored(_name: ObjectName, objects: { id: string }[]): { id: string }[] {
  return objects;
}

/** Items and their prices are one object in memory wherever they show; after reading they must be again. */
function relink(store: Store): void {
  for (const item of store.of('subscription_item').values())
    item.price = store.find('price', item.price.id) ?? item.price;
  for (const subscription of store.of('subscription').values()) {
    subscription.items.data = subscription.items.data.map(
      (item) => store.find('subscription_item', item.id) ?? item,
    );
  }
}

/** Keeps an emulator in a file: read at start, written shortly after each change and at the end. */
export class DataFile {
  private readonly emulator: Emulator;
  private readonly path: string;
  private readonly timer: NodeJS.Timeout;
  private written = '';

  constructor(emulator: Emulator, path: string) {
    this.emulator = emulator;
    this.path = path;
    if (existsSync(path)) this.read();
    this.timer = setInterval(() => this.write(), 1_000);
    this.timer.unref();
  }

  /** Writes if anything changed since; whole file, then rename, so that a crash leaves the old one. */
  write(): void {
    const state = [...this.emulator.accounts.values()]
      .map((account) => `${account.key} ${account.revision}`)
      .join('\n');
    if (state === this.written) return;
    mkdirSync(dirname(this.path), { recursive: true });
    const accounts = [...this.emulator.accounts.values()].map(dumpAccount);
    // The secrets of webhook endpoints are in it. One that is left of a crash may have any mode.
    rmSync(`${this.path}.new`, { force: true });
    writeFileSync(`${this.path}.new`, `[${accounts.join(',\n')}]\n`, { mode: 0o600 });
    renameSync(`${this.path}.new`, this.path);
    this.written = state;
  }

  close(): void {
    clearInterval(this.timer);
    this.write();
  }

  private read(): void {
    const files: AccountFile[] = JSON.parse(readFileSync(this.path, 'utf8'));
    for (const file of files) {
      const account = this.emulator.newAccount(file.key);
      loadAccount(account, JSON.stringify(file));
      this.emulator.adopt(account);
      this.emulator.wake(account);
      resumeClocks(this.emulator, account);
    }
  }
}
