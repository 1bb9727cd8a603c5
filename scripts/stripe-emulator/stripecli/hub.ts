import { deliveryFault } from '../faults/delivery.ts';
import { API_VERSION, type Account } from '../kernel/account.ts';
import type { Emulator } from '../kernel/emulator.ts';
import type { EventRecord } from '../kernel/events.ts';
import type { RequestLog } from '../kernel/request-log.ts';
import { eventBody } from '../versions/event-body.ts';
import { notificationOf, type ThinEvent } from '../v2/thin-events.ts';
import { onThinEvent } from '../v2/outbox.ts';
import { requestLogFrame, thinFrame, webhookFrame } from './frames.ts';
import { cliSecret, type SessionGrant } from './identity.ts';
import { logPayload, parseFilters, passes } from './request-logs.ts';
import { CliSession, type CliDelivery, type CliSocket } from './session.ts';

interface Entry {
  readonly grant: SessionGrant;
  readonly account: Account;
  readonly session: CliSession;
  readonly filters: ReturnType<typeof parseFilters>;
  readonly stopThin: () => void;
  goodbye: NodeJS.Timeout | null;
}

/** What the console shows of one event that went through a CLI. */
export interface CliResult {
  readonly event: string;
  readonly type: string;
  readonly url: string;
  readonly status: number;
  readonly at: number;
}

const GRACE_MS = 120_000;
const KEPT_RESULTS = 500;

/** All `stripe listen` and `stripe logs tail` sessions of one emulator. */
export class CliHub {
  readonly results = new WeakMap<Account, CliResult[]>();
  private readonly sessions = new Map<string, Entry>();
  private readonly emulator: Emulator;

  constructor(emulator: Emulator) {
    this.emulator = emulator;
    emulator.hooks.onEvent.push((account, event) => this.forward(account, event));
    emulator.hooks.onRequestLogged.push((account, entry) => this.log(account, entry));
  }

  /** Opens a session before its websocket comes, so that no event in between is lost. */
  open(id: string, grant: SessionGrant): void {
    this.entryOf(id, grant).goodbye = this.expireLater(id);
  }

  /** Ties a websocket to its session; also to one from before a restart. */
  connect(id: string, grant: SessionGrant, socket: CliSocket): CliSession {
    const entry = this.entryOf(id, grant);
    if (entry.goodbye !== null) clearTimeout(entry.goodbye);
    entry.goodbye = null;
    entry.session.attach(socket);
    return entry.session;
  }

  /** Ends a session that does not come back within two minutes. */
  disconnect(id: string, socket: CliSocket): void {
    const entry = this.sessions.get(id);
    if (entry === undefined) return;
    entry.session.detach(socket);
    if (!entry.session.connected) entry.goodbye = this.expireLater(id);
  }

  /** How many CLIs are connected to an account. */
  connectedTo(account: Account): number {
    return this.entriesOf(account).filter(({ session }) => session.connected).length;
  }

  close(): void {
    for (const id of this.sessions.keys()) this.drop(id);
  }

  private entryOf(id: string, grant: SessionGrant): Entry {
    const known = this.sessions.get(id);
    if (known !== undefined) return known;
    const account = this.emulator.accountOf(grant.apiKey);
    const session = new CliSession();
    const thin = grant.features.includes('v2_events');
    const listener = (event: ThinEvent) => session.enqueue(thinDelivery(event, grant));
    const stopThin = thin ? onThinEvent(account, listener) : () => undefined;
    const entry: Entry = {
      grant,
      account,
      session,
      filters: parseFilters(grant.filters),
      stopThin,
      goodbye: null,
    };
    this.sessions.set(id, entry);
    return entry;
  }

  private expireLater(id: string): NodeJS.Timeout {
    const timer = setTimeout(() => this.drop(id), GRACE_MS);
    timer.unref();
    return timer;
  }

  private drop(id: string): void {
    const entry = this.sessions.get(id);
    if (entry === undefined) return;
    if (entry.goodbye !== null) clearTimeout(entry.goodbye);
    entry.stopThin();
    entry.session.close();
    this.sessions.delete(id);
  }

  private entriesOf(account: Account): Entry[] {
    return [...this.sessions.values()].filter((entry) => entry.account === account);
  }

  private forward(account: Account, record: EventRecord): void {
    for (const { grant, session } of this.entriesOf(account)) {
      if (!grant.features.includes('webhooks')) continue;
      const fault = deliveryFault(account, record);
      if (fault?.drop === true) continue;
      const enqueue = () => session.enqueue(this.snapshotDelivery(account, record, grant));
      for (let copy = 0; copy < (fault?.copies ?? 1); copy += 1) {
        if (fault?.delayMs === undefined) enqueue();
        else setTimeout(enqueue, fault.delayMs).unref();
      }
    }
  }

  private snapshotDelivery(
    account: Account,
    record: EventRecord,
    grant: SessionGrant,
  ): CliDelivery {
    const secret = cliSecret(grant.apiKey);
    return {
      type: record.type,
      variants: ['default', 'latest'],
      forwarded: grant.forwardsSnapshot,
      frame: (variant) => {
        const version = variant === 'latest' ? API_VERSION : null;
        return webhookFrame(
          JSON.stringify(eventBody(account, record, version), null, 2),
          secret,
          version,
        );
      },
      settled: (result) => this.remember(account, record, result),
    };
  }

  private remember(
    account: Account,
    record: EventRecord,
    result: { status: number; url: string } | null,
  ): void {
    if (result === null) return;
    const results = this.results.get(account) ?? [];
    this.results.set(account, results);
    results.push({ event: record.id, type: record.type, ...result, at: Date.now() });
    if (results.length > KEPT_RESULTS) results.shift();
  }

  private log(account: Account, entry: RequestLog): void {
    if (entry.path === '/v1/stripecli/sessions') return;
    for (const { grant, session, filters } of this.entriesOf(account)) {
      if (!grant.features.includes('request_logs') || !passes(filters, entry)) continue;
      session.tell(requestLogFrame(entry.id.replace(/^req_/, 'resp_'), logPayload(entry)));
    }
  }
}

function thinDelivery(event: ThinEvent, grant: SessionGrant): CliDelivery {
  const payload = JSON.stringify(notificationOf(event), null, 2);
  return {
    type: event.type,
    variants: ['thin'],
    forwarded: grant.forwardsThin,
    frame: () => thinFrame(event.id, payload, cliSecret(grant.apiKey)),
    settled: () => undefined,
  };
}
