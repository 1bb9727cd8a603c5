import { readFrame, type OutgoingFrame } from './frames.ts';

/** The part of a websocket that a session uses. */
export interface CliSocket {
  send(text: string): void;
}

/** Which of the two copies of an event the CLI acts on: the account's version, or the newest (`--latest`). */
export type Variant = 'default' | 'latest' | 'thin';

/** One event for the CLI; its frames are built when it is sent, so signatures are always fresh. */
export interface CliDelivery {
  readonly type: string;
  readonly variants: readonly Variant[];
  /** Whether the CLI posts it on, so that an answer is to be expected. */
  readonly forwarded: boolean;
  frame(variant: Variant): OutgoingFrame;
  settled(result: { status: number; url: string } | null): void;
}

interface Flight {
  readonly delivery: CliDelivery;
  readonly variants: Map<string, Variant>;
  readonly unacknowledged: Set<string>;
  timer: NodeJS.Timeout;
}

const QUEUE_LIMIT = 5000;

/**
 * The queue of one `stripe listen`. The CLI handles frames concurrently, so only one event is in flight:
 * the next leaves after the answer, or soon after an ack that no answer follows (a type that `-e` filters).
 */
export class CliSession {
  private readonly queue: CliDelivery[] = [];
  private readonly silent = new Set<string>();
  /** Frames given up on, by key, with their event type. */
  private readonly given = new Map<string, string>();
  private socket: CliSocket | null = null;
  private flight: Flight | null = null;
  private variant: Variant | null = null;
  private readonly patience: { afterAck: number; overall: number };

  /** `patience` in milliseconds. */
  constructor(patience = { afterAck: 1000, overall: 35_000 }) {
    this.patience = patience;
  }

  get connected(): boolean {
    return this.socket !== null;
  }

  /** Queues an event; the oldest ones fall out when a CLI stays away for long. */
  enqueue(delivery: CliDelivery): void {
    this.queue.push(delivery);
    if (this.queue.length > QUEUE_LIMIT) this.queue.shift();
    this.pump();
  }

  /** Sends a frame that waits for nothing (request logs); lost while the CLI is away. */
  tell(text: string): void {
    this.socket?.send(text);
  }

  attach(socket: CliSocket): void {
    this.socket = socket;
    this.resendLost();
    this.pump();
  }

  /** Forgets `socket` unless a newer one took its place. */
  detach(socket: CliSocket): void {
    if (this.socket === socket) this.socket = null;
  }

  close(): void {
    if (this.flight !== null) clearTimeout(this.flight.timer);
    this.flight = null;
    this.queue.length = 0;
    this.socket = null;
  }

  receive(text: string): void {
    const frame = readFrame(text);
    const flight = this.flight;
    if (frame === null) return;
    if (flight === null || !flight.variants.has(frame.key)) {
      this.late(frame.key, frame.type);
      return;
    }
    if (frame.type === 'event_ack') {
      flight.unacknowledged.delete(frame.key);
      if (flight.unacknowledged.size === 0) this.acknowledged(flight);
      return;
    }
    const variant = flight.variants.get(frame.key) ?? 'default';
    if (variant !== 'thin') this.variant = variant;
    this.silent.delete(flight.delivery.type);
    this.land(flight, frame);
  }

  /** An answer after the patience ended: the type is not filtered after all, only slow. */
  private late(key: string, frame: string): void {
    const type = this.given.get(key);
    if (type === undefined || frame !== 'webhook_response') return;
    this.given.delete(key);
    this.silent.delete(type);
  }

  private acknowledged(flight: Flight): void {
    const { delivery } = flight;
    if (!delivery.forwarded || this.silent.has(delivery.type)) {
      this.land(flight, null);
      return;
    }
    clearTimeout(flight.timer);
    flight.timer = this.after(this.patience.afterAck, () => {
      this.silent.add(delivery.type);
      for (const key of flight.variants.keys()) this.given.set(key, delivery.type);
      if (this.given.size > QUEUE_LIMIT) this.given.clear();
      this.land(flight, null);
    });
  }

  private land(flight: Flight, result: { status: number; url: string } | null): void {
    clearTimeout(flight.timer);
    if (this.flight === flight) this.flight = null;
    flight.delivery.settled(result);
    this.pump();
  }

  private pump(): void {
    if (this.flight !== null || this.socket === null) return;
    const delivery = this.queue.shift();
    if (delivery === undefined) return;
    this.launch(delivery, this.socket);
  }

  private launch(delivery: CliDelivery, socket: CliSocket): void {
    const wanted = delivery.variants.filter(
      (variant) => variant === 'thin' || this.variant === null || this.variant === variant,
    );
    const frames = wanted.map((variant) => ({ variant, ...delivery.frame(variant) }));
    const flight: Flight = {
      delivery,
      variants: new Map(frames.map(({ key, variant }) => [key, variant])),
      unacknowledged: new Set(frames.map(({ key }) => key)),
      timer: this.after(this.patience.overall, () => this.land(flight, null)),
    };
    this.flight = flight;
    for (const { text } of frames) socket.send(text);
  }

  /** A frame without an ack was lost with its connection: its event goes first again. */
  private resendLost(): void {
    const flight = this.flight;
    if (flight === null || flight.unacknowledged.size === 0) return;
    clearTimeout(flight.timer);
    this.flight = null;
    this.queue.unshift(flight.delivery);
  }

  private after(milliseconds: number, run: () => void): NodeJS.Timeout {
    const timer = setTimeout(run, milliseconds);
    timer.unref();
    return timer;
  }
}
