/**
 * A subscription that lives through steps and writes the events that Stripe would send. It knows nothing of
 * the code under test: raw JSON only.
 */
import {
  DAY,
  downgradeSchedule,
  itemList,
  rawEvent,
  rawInvoice,
  rawItem,
  T0,
  type Raw,
} from './factories.ts';
import { rawSubscription } from './factories.ts';

export const STEPS = [
  'pay',
  'fail',
  'schedule_cancel',
  'undo_cancel',
  'upgrade',
  'schedule_downgrade',
  'undo_downgrade',
  'period_end',
  'pause',
  'resume',
  'cancel_now',
  'unpaid',
  'seats',
  'hold_collection',
  'collect_again',
  'agree_end',
  'extend_trial',
  'same_second',
] as const;
export type SimulatorStep = (typeof STEPS)[number];

export class SimulatedSubscription {
  readonly events: Raw[] = [];
  /** The whole object after each number of events. */
  readonly reads: Raw[] = [];
  private now = T0;
  private sameSecond = false;
  private object: Raw;
  private invoices = 1;
  private attempts = 0;

  constructor(start: 'incomplete' | 'trialing' | 'active') {
    this.object = rawSubscription({
      status: start,
      ...(start === 'trialing' ? { trial_start: T0, trial_end: T0 + 14 * DAY } : {}),
    });
    this.emit('customer.subscription.created', this.payload());
    if (start === 'active') this.emitPaid();
  }

  /** The present object as the API answers it, schedule expanded. */
  get read(): Raw {
    return structuredClone(this.object);
  }

  step(step: SimulatorStep): void {
    if (step === 'same_second') {
      this.sameSecond = true;
      return;
    }
    if (!this.sameSecond) this.now += 3600;
    this.sameSecond = false;
    if (this.object['status'] === 'canceled') return;
    this[step]();
  }

  private pay(): void {
    const status = this.object['status'];
    if (status === 'paused') return;
    this.attempts = 0;
    if (status !== 'active') this.update({ status: 'active' });
    this.emitPaid();
  }

  private fail(): void {
    const status = this.object['status'];
    if (status !== 'active' && status !== 'past_due' && status !== 'trialing') return;
    const changes: Raw = { status: 'past_due' };
    if (status !== 'past_due') {
      this.invoices += 1;
      this.attempts = 0;
      changes['latest_invoice'] = `in_${this.invoices}`;
    }
    this.attempts += 1;
    this.emitInvoice('invoice.payment_failed');
    if (status !== 'past_due') this.update(changes);
  }

  private schedule_cancel(): void {
    const cancel_at = this.item()['current_period_end'];
    if (this.isOn()) this.update({ cancel_at, canceled_at: this.now });
  }

  private undo_cancel(): void {
    if (this.object['cancel_at'] !== null) this.update({ cancel_at: null, canceled_at: null });
  }

  private upgrade(): void {
    if (this.isOn() && this.priceId() === 'price_starter_month') this.setPrice('price_pro_month');
  }

  private schedule_downgrade(): void {
    if (this.object['status'] !== 'active' || this.priceId() !== 'price_pro_month') return;
    const schedule = downgradeSchedule();
    schedule['phases'] = [
      { start_date: T0, end_date: T0 + 400 * DAY, items: [{ price: 'price_pro_month' }] },
      { start_date: T0 + 400 * DAY, end_date: null, items: [{ price: 'price_starter_month' }] },
    ];
    schedule['current_phase'] = { start_date: T0, end_date: T0 + 400 * DAY };
    this.emit('subscription_schedule.created', { ...schedule, customer: 'cus_1' });
    this.update({ schedule });
  }

  private undo_downgrade(): void {
    if (this.object['schedule'] !== null) this.update({ schedule: null });
  }

  private period_end(): void {
    const end = Number(this.item()['current_period_end']);
    const { cancel_at: cancelAt } = this.object;
    if (cancelAt !== null && Number(cancelAt) <= end) {
      this.now = Math.max(this.now, Number(this.object['cancel_at']));
      this.cancel_now();
    } else if (this.object['schedule'] !== null) {
      this.setPrice('price_starter_month', { schedule: null });
    } else if (this.object['status'] === 'active') {
      this.setPrice(this.priceId());
    }
  }

  private seats(): void {
    const item = this.item();
    const quantity = item['quantity'] === 1 ? 3 : 1;
    if (this.isOn()) this.update({ items: itemList({ ...item, quantity }) });
  }

  private hold_collection(): void {
    if (!this.isOn() && this.object['status'] !== 'past_due') return;
    if (this.object['pause_collection'] !== null) return;
    this.update({ pause_collection: { behavior: 'void', resumes_at: null } });
  }

  private collect_again(): void {
    if (this.object['pause_collection'] !== null) this.update({ pause_collection: null });
  }

  /** An end in the period after the next: it changes nothing until then. */
  private agree_end(): void {
    const cancel_at = Number(this.item()['current_period_end']) + 45 * DAY;
    if (this.isOn() && this.object['cancel_at'] === null) {
      this.update({ cancel_at, canceled_at: this.now });
    }
  }

  private extend_trial(): void {
    if (this.object['status'] !== 'trialing') return;
    const trial_end = Number(this.object['trial_end']) + 7 * DAY;
    const items = itemList({ ...this.item(), current_period_end: trial_end });
    this.update({ trial_end, items });
  }

  private pause(): void {
    if (this.object['status'] === 'active' && this.object['schedule'] === null) {
      this.update({ status: 'paused' });
    }
  }

  private resume(): void {
    if (this.object['status'] === 'paused') this.update({ status: 'active' });
  }

  private unpaid(): void {
    if (this.object['status'] === 'past_due') this.update({ status: 'unpaid' });
  }

  private cancel_now(): void {
    const ended = { status: 'canceled', ended_at: this.now, canceled_at: this.now, schedule: null };
    Object.assign(this.object, ended);
    this.emit('customer.subscription.deleted', this.payload());
  }

  private isOn(): boolean {
    return this.object['status'] === 'active' || this.object['status'] === 'trialing';
  }

  private item(): Raw {
    const items = this.object['items'] as { data: Raw[] };
    return items.data[0] ?? {};
  }

  private priceId(): string {
    return (this.item()['price'] as { id: string }).id;
  }

  private setPrice(priceId: string, changes: Raw = {}): void {
    const rolls = priceId === this.priceId() || 'schedule' in changes;
    const end = Number(this.item()['current_period_end']);
    const period = rolls
      ? { current_period_start: end, current_period_end: end + 30 * DAY }
      : {
          current_period_start: this.item()['current_period_start'],
          current_period_end: end,
        };
    const { quantity } = this.item();
    this.update({ items: itemList(rawItem({ ...period, quantity }, priceId)), ...changes });
  }

  private update(changes: Raw): void {
    const previous: Raw = {};
    for (const key of Object.keys(changes)) previous[key] = this.object[key];
    Object.assign(this.object, changes);
    const schedule = previous['schedule'] as Raw | null | undefined;
    if (schedule) previous['schedule'] = schedule['id'];
    this.emit('customer.subscription.updated', this.payload(), previous);
  }

  private emitPaid(): void {
    const paid = { status: 'paid', amount_paid: 3000, attempt_count: this.attempts + 1 };
    this.emitInvoice('invoice.paid', paid);
    this.emitInvoice('invoice.payment_succeeded', paid);
  }

  private emitInvoice(type: string, changes: Raw = {}): void {
    const id = `in_${this.invoices}`;
    this.emit(type, rawInvoice({ id, attempt_count: this.attempts, ...changes }));
  }

  /** Payloads never expand: the schedule is an id. */
  private payload(): Raw {
    const schedule = this.object['schedule'] as Raw | null;
    return structuredClone({ ...this.object, schedule: schedule?.['id'] ?? null });
  }

  private emit(type: string, object: Raw, previous?: Raw): void {
    const data = previous ? { object, previous_attributes: previous } : { object };
    // Ids are random at Stripe: they must not tell the order.
    const number = this.events.length;
    const id = `evt_${((number * 7919 + 13) % 1009).toString(36)}_${number}`;
    this.events.push(rawEvent(type, object, { id, created: this.now, data }));
    this.reads.push(this.read);
  }
}
