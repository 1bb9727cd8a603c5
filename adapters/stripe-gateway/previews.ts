import type Stripe from 'stripe';
import { call, isGatewayError } from './errors.ts';

/** One item of a change: an existing one by `id`, a new one by `price`. */
export interface ItemChange {
  id?: string;
  price?: string;
  quantity?: number;
  deleted?: boolean;
  tax_rates?: string[];
}

export interface PhaseItem {
  price: string;
  /** Undefined for metered prices. */
  quantity?: number;
  tax_rates?: string[];
}

export interface StartPreview {
  customerId: string;
  items: PhaseItem[];
  currency: string | null;
  /** Seconds; null without a trial. */
  trialEnd: number | null;
  promotionCodeId: string | null;
  automaticTax: boolean;
  taxRates: string[];
}

/** The invoices that commands would make; null where they would make none. */
export function previewCalls(stripe: Stripe) {
  const preview = async (
    params: Stripe.InvoiceCreatePreviewParams,
  ): Promise<Stripe.Invoice | null> => {
    try {
      return await call(() => stripe.invoices.createPreview(params));
    } catch (error) {
      if (isGatewayError(error) && error.code === 'invoice_upcoming_none') return null;
      throw error;
    }
  };
  const of = (
    subscription: string,
    details: Stripe.InvoiceCreatePreviewParams.SubscriptionDetails,
  ) => preview({ subscription, subscription_details: details });

  return {
    /** The first invoice of a new subscription. */
    previewStart: (input: StartPreview): Promise<Stripe.Invoice | null> =>
      preview({
        customer: input.customerId,
        currency: input.currency ?? undefined,
        subscription_details: {
          items: input.items,
          trial_end: input.trialEnd ?? undefined,
          default_tax_rates: input.taxRates.length > 0 ? input.taxRates : undefined,
        },
        discounts: input.promotionCodeId ? [{ promotion_code: input.promotionCodeId }] : undefined,
        automatic_tax: input.automaticTax ? { enabled: true } : undefined,
      }),

    /** The last invoice of a subscription that ends now: what was used and is on none yet. */
    previewEnd: (id: string): Promise<Stripe.Invoice | null> =>
      of(id, { cancel_now: true, proration_behavior: 'none' }),

    previewPause: (
      id: string,
      { creditUnused }: { creditUnused: boolean },
    ): Promise<Stripe.Invoice | null> =>
      of(id, {
        pause: {
          type: 'subscription',
          invoicing_behavior: 'invoice',
          bill_for: billFor(creditUnused),
        },
      }),

    previewResume: (id: string): Promise<Stripe.Invoice | null> => of(id, { resume_at: 'now' }),

    /** A new period from now on. */
    previewRestart: (id: string): Promise<Stripe.Invoice | null> =>
      of(id, { billing_cycle_anchor: { type: 'now' }, proration_behavior: 'none' }),

    /** The next renewal, once a scheduled end is taken back and other items are there. */
    previewRenewalAfterUndo: (
      id: string,
      { by, items }: { by: 'cancel_at' | 'cancel_at_period_end'; items: ItemChange[] },
    ): Promise<Stripe.Invoice | null> =>
      of(id, {
        ...(by === 'cancel_at' ? { cancel_at: '' as const } : { cancel_at_period_end: false }),
        items: items.length > 0 ? items : undefined,
        proration_behavior: 'none',
      }),
  };
}

/** What a pause bills, and with `creditUnused` gives back. */
export function billFor(creditUnused: boolean) {
  return {
    ...(creditUnused ? { unused_time_from: { type: 'now' as const } } : {}),
    outstanding_usage_through: { type: 'now' as const },
  };
}

export type PreviewCalls = ReturnType<typeof previewCalls>;
