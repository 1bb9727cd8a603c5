/** Stripe cannot be asked now. Nothing is wrong with the event: it waits, and no attempt is counted. */
export class StripeOutage extends Error {
  override name = 'StripeOutage';
  /** When to ask again, in ms since the epoch. */
  readonly retryAt: number;

  constructor(message: string, retryAt: number, cause?: unknown) {
    super(message, { cause });
    this.retryAt = retryAt;
  }
}
