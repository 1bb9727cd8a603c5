import type Stripe from 'stripe';
import type { SubscriptionRow } from '../../../db/subscriptions.ts';
import { isPeriodLost } from '../../../state/access.ts';
import type { Services } from '../../lib/services.ts';
import type { Charge } from '../charge.ts';
import { keptDrafts } from '../open-invoices.ts';

/** What the end of a pause takes: a new period, or what an earlier attempt left; and the drafts that the pause kept. */
export async function chargeOfResume(
  services: Services,
  subscription: SubscriptionRow,
): Promise<Charge> {
  const { stripe } = services;
  const { id, state, facts } = subscription;
  const { currency } = facts;
  const nothing = { currency, invoice: null, debts: [] };
  if (state === 'cancel_pending') return nothing;
  if (state === 'downgrading' && facts.scheduleId) return nothing;
  if (state === 'paused') {
    const begun = await begunInvoice(services, facts.latestInvoiceId);
    if (begun) return { ...nothing, debts: [begun] };
    return { ...nothing, invoice: await stripe.previewResume(id) };
  }
  // Asked for before anything is done: once collection goes on, there is no pause that a retry could end.
  const debts = facts.pauseCollection ? await keptDrafts({ services }, id) : [];
  return { currency, debts, invoice: isPeriodLost(facts) ? await stripe.previewRestart(id) : null };
}

/** The open invoice of an earlier attempt: that one is paid, not a second. */
async function begunInvoice(
  { stripe }: Services,
  latestInvoiceId: string | null,
): Promise<Stripe.Invoice | null> {
  if (latestInvoiceId === null) return null;
  const invoice = await stripe.retrieveInvoice(latestInvoiceId);
  const waits = invoice.status === 'open' && invoice.billing_reason === 'subscription_update';
  return waits ? invoice : null;
}
