/** What people do in Stripe's Dashboard. Each returns its words, or null where there is nothing to do it to. */
import type Stripe from 'stripe';
import type { Memory } from './ledger.ts';
import { billOf, idOf, type Books, type Catalogue } from './observe.ts';
import type { Act } from './story.ts';

const DAY = 86_400;

interface Desk {
  stripe: Stripe;
  books: Books;
  live: Stripe.Subscription | null;
  item: { end: number; item: Stripe.SubscriptionItem } | null;
  catalogue: Catalogue;
  memory: Memory;
  customer: string | null;
  pending: object | null;
  ibans: { debit_late: string; debit_bounces: string };
}

export async function inDashboard(act: Act, desk: Desk): Promise<string | null> {
  const { stripe, books, live, memory, catalogue } = desk;
  const open = books.invoices.find(({ status }) => status === 'open');
  const bill = live && billOf(books, live, catalogue);
  switch (act.do) {
    case 'void':
      if (!open) return null;
      await stripe.invoices.voidInvoice(open.id);
      memory.forgiven.add(open.id);
      return `voids ${open.id}`;
    case 'uncollectible':
      if (!open) return null;
      await stripe.invoices.markUncollectible(open.id);
      memory.forgiven.add(open.id);
      return `gives ${open.id} up`;
    case 'refund': {
      const charge = books.charges.find(({ paid, refunded }) => paid && !refunded);
      if (!charge) return null;
      const amount = Math.floor((charge.amount - charge.amount_refunded) * act.part);
      if (amount < 1) return null;
      await stripe.refunds.create({ charge: charge.id, amount });
      return `refunds ${amount} of ${charge.amount}`;
    }
    case 'credit_note': {
      if (bill?.status !== 'paid' || bill.amount_paid < 100) return null;
      const amount = Math.floor(bill.amount_paid * act.part);
      await stripe.creditNotes.create({ invoice: bill.id, amount, refund_amount: amount });
      return `gives a credit note of ${amount} on ${bill.id}`;
    }
    case 'cancel_at': {
      if (!live || !desk.item) return null;
      const at = desk.item.end + (act.days - 10) * DAY;
      await stripe.subscriptions.update(live.id, { cancel_at: at, proration_behavior: 'none' });
      memory.beforeCancel = null;
      return `sets its end ${act.days - 10} d after the period's`;
    }
    case 'portal_cancel': {
      if (!live || live.cancel_at !== null || live.cancel_at_period_end) return null;
      if (!['active', 'trialing'].includes(live.status)) return null;
      const cancel = { enabled: true, mode: 'at_period_end' as const };
      const session = await stripe.billingPortal.sessions.create({
        customer: idOf(live.customer),
        configuration: (
          await stripe.billingPortal.configurations.create({
            features: { subscription_cancel: cancel },
          })
        ).id,
        return_url: 'https://a.test/',
      });
      const page = `${session.url}/subscriptions/${live.id}/cancel`;
      const body = new URLSearchParams({ feedback: 'unused' });
      const answer = await fetch(page, { method: 'POST', body, redirect: 'manual' });
      if (answer.status >= 400) throw new Error(await answer.text());
      memory.beforeCancel = JSON.stringify(desk.pending);
      return 'cancels in the portal';
    }
    case 'trial_end': {
      if (!live || !desk.item) return null;
      memory.gift = true;
      const trial_end = desk.item.end + (act.days - 10) * DAY;
      await stripe.subscriptions.update(live.id, { trial_end, proration_behavior: 'none' });
      return `sets the end of the trial ${act.days - 10} d after the period`;
    }
    case 'price': {
      if (!live || !desk.item) return null;
      memory.gift = true;
      const wanted = desk.item.item.price.recurring?.interval === 'year' ? 'month' : 'year';
      const price = [...catalogue.plans].find(([, { interval }]) => interval === wanted)![0];
      const items = [{ id: desk.item.item.id, price }];
      await stripe.subscriptions.update(live.id, { items, proration_behavior: 'none' });
      return `puts it on a price by the ${wanted}, without proration`;
    }
    case 'schedule': {
      if (!live || !desk.item || live.schedule) return null;
      const made = await stripe.subscriptionSchedules.create({ from_subscription: live.id });
      const now = made.phases[0]!;
      const items = now.items.map(({ price, quantity }) => ({ price: idOf(price), quantity }));
      await stripe.subscriptionSchedules.update(made.id, {
        end_behavior: 'release',
        phases: [
          { start_date: now.start_date, end_date: now.end_date, items },
          {
            items,
            duration: { interval: 'month', interval_count: 1 },
            discounts: [{ coupon: 'promised' }],
          },
        ],
      });
      memory.promised = made.id;
      return 'schedules 30 % off for the next period';
    }
    case 'addon': {
      if (!live || live.items.data.some(({ price }) => price.id === catalogue.addonPrice))
        return null;
      const items = [{ price: catalogue.addonPrice }];
      await stripe.subscriptions.update(live.id, { items, proration_behavior: 'none' });
      return 'adds 2100 a month, from the next invoice on';
    }
    case 'trial_now':
      if (live?.status !== 'trialing') return null;
      await stripe.subscriptions.update(live.id, { trial_end: 'now' });
      return 'ends the trial';
    case 'evidence': {
      const dispute = books.disputes.find(({ status }) => status === 'needs_response');
      if (!dispute) return null;
      const uncategorized_text = act.verdict === 'won' ? 'winning_evidence' : 'losing_evidence';
      await stripe.disputes.update(dispute.id, { evidence: { uncategorized_text }, submit: true });
      return `answers the dispute ${dispute.id}, which is ${act.verdict}`;
    }
    case 'collection':
      if (!live) return null;
      memory.collection = true;
      await stripe.subscriptions.update(live.id, { pause_collection: { behavior: act.behavior } });
      return `pauses collection (${act.behavior})`;
    case 'sell':
      return sell(act.by, desk);
    default:
      return null;
  }
}

/** A year, sold by hand: with an invoice that is due in a month, or by a bank debit. */
async function sell(
  by: 'invoice' | 'debit_late' | 'debit_bounces',
  { stripe, live, customer, catalogue, ibans }: Desk,
): Promise<string | null> {
  if (live || customer === null) return null;
  const price = [...catalogue.plans].find(
    ([, { interval, rank }]) => interval === 'year' && rank === 2,
  )![0];
  const items = [{ price }];
  if (by === 'invoice') {
    const collection_method = 'send_invoice';
    await stripe.subscriptions.create({ customer, items, collection_method, days_until_due: 30 });
    return 'sells a year by invoice, due in 30 d';
  }
  const method = await stripe.paymentMethods.create({
    type: 'sepa_debit',
    sepa_debit: { iban: ibans[by] },
    billing_details: { name: 'A', email: 'a@example.com' },
  });
  await stripe.paymentMethods.attach(method.id, { customer });
  await stripe.subscriptions.create({ customer, items, default_payment_method: method.id });
  return `sells a year by bank debit (${by})`;
}
