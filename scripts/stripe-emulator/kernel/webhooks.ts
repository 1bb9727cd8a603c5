import { createHmac } from 'node:crypto';
import http from 'node:http';
import https from 'node:https';
import type Stripe from 'stripe';
import { typeMatches, wireEvent, type EventRecord } from './events.ts';
import { newId } from './ids.ts';

/** One event on its way to one endpoint, with every try. */
export interface Delivery {
  readonly id: string;
  readonly event: EventRecord;
  readonly endpoint: Stripe.WebhookEndpoint;
  readonly attempts: {
    at: number;
    status: number | null;
    error: string | null;
    body: string;
    ms: number;
  }[];
  state: 'waiting' | 'delivered' | 'failed';
  nextAt: number | null;
}

/** What may be done to a delivery before it is sent: wait, drop it, or send it more than once. */
export interface DeliveryFault {
  delayMs?: number;
  drop?: boolean;
  copies?: number;
}

export interface WebhookOptions {
  /** Milliseconds to wait before each retry; after the last one the delivery has failed. */
  retrySchedule: readonly number[];
  /** Renders an event's body for an API version. */
  render: (event: EventRecord, version: string | null) => unknown;
  /** Told when a delivery was tried or settled. */
  onChange?: () => void;
  /** Asked before each first try; set by the fault switches. */
  fault?: (event: EventRecord) => DeliveryFault | undefined;
}

const LOG_SIZE = 2_000;
const IN_FLIGHT = 4;
const TIMEOUT_MS = 20_000;
const agents = {
  'http:': new http.Agent({ keepAlive: true }),
  'https:': new https.Agent({ keepAlive: true }),
};

/** Sends the events of one account to its webhook endpoints, signed, with retries. */
export class WebhookSender {
  readonly log: Delivery[] = [];
  private readonly options: WebhookOptions;
  private readonly queues = new Map<string, { waiting: Delivery[]; running: number }>();
  private readonly timers = new Set<NodeJS.Timeout>();
  private readonly waiters = new Map<string, (() => void)[]>();
  private closed = false;

  constructor(options: WebhookOptions) {
    this.options = options;
  }

  set fault(fault: WebhookOptions['fault']) {
    this.options.fault = fault;
  }

  set render(render: WebhookOptions['render']) {
    this.options.render = render;
  }

  /** Forgets every delivery, also those under way. */
  clear(): void {
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
    this.queues.clear();
    this.log.length = 0;
  }

  /** Starts the deliveries of an event to the endpoints that want it. */
  dispatch(event: EventRecord, endpoints: Iterable<Stripe.WebhookEndpoint>): void {
    for (const endpoint of endpoints) {
      if (
        endpoint.status !== 'enabled' ||
        !endpoint.enabled_events.some((pattern) => typeMatches(pattern, event.type))
      )
        continue;
      this.send(event, endpoint);
    }
  }

  /** Delivers one event to one endpoint (also how a resend is done). */
  send(event: EventRecord, endpoint: Stripe.WebhookEndpoint): void {
    const fault = this.options.fault?.(event);
    if (fault?.drop === true) return;
    for (let copy = 0; copy < (fault?.copies ?? 1); copy += 1) {
      const delivery: Delivery = {
        id: newId('whd'),
        event,
        endpoint,
        attempts: [],
        state: 'waiting',
        nextAt: null,
      };
      event.pendingWebhooks += 1;
      event.delivered = false;
      this.log.push(delivery);
      if (this.log.length > LOG_SIZE) this.log.splice(0, LOG_SIZE / 10);
      if (fault?.delayMs === undefined) this.enqueue(delivery);
      else this.later(fault.delayMs, () => this.enqueue(delivery));
    }
  }

  /** Resolves when each delivery of the event was answered 2xx, or after the time-out. */
  async settled(event: EventRecord, timeoutMs: number): Promise<void> {
    if (event.pendingWebhooks === 0) return;
    await new Promise<void>((resolve) => {
      const timer = this.later(timeoutMs, resolve);
      const list = this.waiters.get(event.id) ?? [];
      list.push(() => {
        clearTimeout(timer);
        this.timers.delete(timer);
        resolve();
      });
      this.waiters.set(event.id, list);
    });
  }

  /** Deliveries that have neither arrived nor failed. */
  get pending(): number {
    let count = 0;
    for (const delivery of this.log) if (delivery.state === 'waiting') count += 1;
    return count;
  }

  /** What is still to be delivered, for the file. */
  unfinished(): Delivery[] {
    return this.log.filter((delivery) => delivery.state === 'waiting');
  }

  /** Takes a delivery up again that was under way when the emulator stopped. */
  resume(delivery: Delivery): void {
    this.log.push(delivery);
    const wait = Math.max(0, (delivery.nextAt ?? 0) - Date.now());
    this.later(wait, () => this.enqueue(delivery));
  }

  close(): void {
    this.closed = true;
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
    for (const list of this.waiters.values()) for (const done of list) done();
  }

  private later(ms: number, work: () => void): NodeJS.Timeout {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      work();
    }, ms);
    timer.unref();
    this.timers.add(timer);
    return timer;
  }

  private enqueue(delivery: Delivery): void {
    const queue = this.queues.get(delivery.endpoint.id) ?? { waiting: [], running: 0 };
    this.queues.set(delivery.endpoint.id, queue);
    queue.waiting.push(delivery);
    this.drain(queue);
  }

  private drain(queue: { waiting: Delivery[]; running: number }): void {
    while (queue.running < IN_FLIGHT && !this.closed) {
      const delivery = queue.waiting.shift();
      if (delivery === undefined) return;
      queue.running += 1;
      void this.attempt(delivery).finally(() => {
        queue.running -= 1;
        this.drain(queue);
      });
    }
  }

  private async attempt(delivery: Delivery): Promise<void> {
    const body = JSON.stringify(
      this.options.render(delivery.event, delivery.endpoint.api_version),
      null,
      2,
    );
    const started = Date.now();
    const answer = await post(
      delivery.endpoint.url,
      body,
      signature(body, delivery.endpoint.secret ?? ''),
    );
    delivery.attempts.push({ at: started, ms: Date.now() - started, ...answer });
    if (answer.status !== null && answer.status >= 200 && answer.status < 300)
      this.settle(delivery, 'delivered');
    else this.retry(delivery);
  }

  private retry(delivery: Delivery): void {
    const wait = this.options.retrySchedule[delivery.attempts.length - 1];
    if (wait === undefined) {
      this.settle(delivery, 'failed');
      return;
    }
    delivery.nextAt = Date.now() + wait;
    this.options.onChange?.();
    if (!this.closed) this.later(wait, () => this.enqueue(delivery));
  }

  private settle(delivery: Delivery, state: 'delivered' | 'failed'): void {
    delivery.state = state;
    delivery.nextAt = null;
    this.options.onChange?.();
    if (state === 'failed') return;
    delivery.event.pendingWebhooks -= 1;
    if (delivery.event.pendingWebhooks > 0) return;
    delivery.event.delivered = true;
    for (const done of this.waiters.get(delivery.event.id) ?? []) done();
    this.waiters.delete(delivery.event.id);
  }
}

/** The `Stripe-Signature` header of a body, signed now. */
export function signature(body: string, secret: string): string {
  const at = Math.floor(Date.now() / 1000);
  return `t=${at},v1=${createHmac('sha256', secret).update(`${at}.${body}`).digest('hex')}`;
}

/** The event body that goes on the wire when nothing renders it for another version. */
export function plainRender(event: EventRecord): unknown {
  return wireEvent(event);
}

async function post(
  url: string,
  body: string,
  signed: string,
): Promise<{ status: number | null; error: string | null; body: string }> {
  return new Promise((resolve) => {
    const fail = (error: unknown) =>
      resolve({
        status: null,
        error: error instanceof Error ? error.message : String(error),
        body: '',
      });
    const target = URL.canParse(url) ? new URL(url) : null;
    if (target === null) {
      fail(`invalid URL ${url}`);
      return;
    }
    const secure = target.protocol === 'https:';
    const headers = {
      'Content-Type': 'application/json; charset=utf-8',
      'Content-Length': Buffer.byteLength(body),
      Accept: '*/*; q=0.5, application/xml',
      'Cache-Control': 'no-cache',
      'User-Agent': 'Stripe/1.0 (+https://stripe.com/docs/webhooks)',
      'Stripe-Signature': signed,
    };
    const options = {
      method: 'POST',
      headers,
      agent: agents[secure ? 'https:' : 'http:'],
      timeout: TIMEOUT_MS,
    };
    const request = (secure ? https : http).request(target, options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? null,
          error: null,
          body: Buffer.concat(chunks).toString('utf8').slice(0, 2_000),
        }),
      );
      response.on('error', fail);
    });
    request.on('timeout', () => request.destroy(new Error('timed out')));
    request.on('error', fail);
    request.end(body);
  });
}
