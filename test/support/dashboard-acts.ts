import type Stripe from 'stripe';
import type { EngineLab } from './engine-lab.ts';
import type { Random } from './random.ts';

const DAY = 86_400;

/** Where an act happens: the subscription as it is, and the time at Stripe. */
export interface ActPlace {
  lab: EngineLab;
  random: Random;
  current: Stripe.Subscription;
  now: number;
}

/** What a team does in Stripe's Dashboard, or a bank to a payment; each says what it did. */
export type Act = (place: ActPlace) => Promise<string>;

const update = async (
  { lab, current }: ActPlace,
  params: Stripe.SubscriptionUpdateParams,
): Promise<string> => {
  await lab.stripe.subscriptions.update(current.id, params);
  return `Dashboard: ${JSON.stringify(params)}`;
};

const customerOf = ({ current: { customer } }: ActPlace): string =>
  typeof customer === 'string' ? customer : customer.id;

const planItem = ({ current }: ActPlace) => current.items.data[0]!;

function otherPrice(place: ActPlace): string {
  const { proMonthly, starterMonthly } = place.lab.prices;
  return planItem(place).price.id === proMonthly ? starterMonthly : proMonthly;
}

async function addonPrice({ lab: { stripe } }: ActPlace): Promise<string> {
  const { id } = await stripe.products.create({ name: 'Add-on' });
  const recurring = { interval: 'month' } as const;
  const terms = { product: id, currency: 'usd', unit_amount: 700, recurring };
  return (await stripe.prices.create(terms)).id;
}

async function schedule(place: ActPlace): Promise<string> {
  const { stripe } = place.lab;
  const made = await stripe.subscriptionSchedules.create({ from_subscription: place.current.id });
  const [now] = made.phases;
  const { quantity } = planItem(place);
  const same = [{ price: planItem(place).price.id, quantity }];
  await stripe.subscriptionSchedules.update(made.id, {
    end_behavior: 'release',
    phases: [
      { start_date: now!.start_date, end_date: now!.end_date, items: same },
      { items: [{ price: otherPrice(place), quantity: 1 }], duration: { interval: 'month' } },
    ],
  });
  return 'Dashboard: schedules the other plan';
}

async function bankDebit(place: ActPlace): Promise<string> {
  const { stripe } = place.lab;
  const customer = customerOf(place);
  const { id } = await stripe.paymentMethods.create({
    type: 'us_bank_account',
    us_bank_account: {
      account_holder_type: 'individual',
      account_number: place.random.pick(['000111111116', '000111111113', '000123456789']),
      routing_number: '110000000',
    },
    billing_details: { name: 'Ada', email: 'ada@example.test' },
  });
  await stripe.paymentMethods.attach(id, { customer });
  await stripe.subscriptions.update(place.current.id, { default_payment_method: id });
  return 'pays by bank debit from now on';
}

async function refund(place: ActPlace): Promise<string> {
  const { stripe } = place.lab;
  const [charge] = (await stripe.charges.list({ customer: customerOf(place) })).data;
  if (!charge || charge.status !== 'succeeded') return 'nothing to refund';
  const amount = place.random.chance(0.5) ? undefined : 100;
  await stripe.refunds.create({ charge: charge.id, amount });
  return `Dashboard: refunds ${amount ?? 'all'} of the last payment`;
}

async function coupon(place: ActPlace): Promise<string> {
  const { id } = await place.lab.stripe.coupons.create({ percent_off: 30, duration: 'once' });
  return update(place, { discounts: [{ coupon: id }] });
}

/** There and back within one second. */
async function returnTrip(place: ActPlace): Promise<string> {
  const { id, price } = planItem(place);
  await update(place, { items: [{ id, price: otherPrice(place) }] });
  await update(place, { items: [{ id, price: price.id }] });
  return 'Dashboard: to the other plan and back at once';
}

async function items(place: ActPlace): Promise<string> {
  const [, second] = place.current.items.data;
  if (second) return update(place, { items: [{ id: second.id, deleted: true }] });
  return update(place, { items: [{ price: await addonPrice(place) }] });
}

/** By name, so that a life can be told to draw from some of them. */
export const DASHBOARD_ACTS: Record<string, Act> = {
  quantity: (place) =>
    update(place, { items: [{ id: planItem(place).id, quantity: 1 + place.random.below(3) }] }),
  items,
  schedule,
  // Stripe's emulator dates what follows in the past where a payment is open.
  trial: async (place) =>
    place.current.status === 'trialing' || place.current.status === 'active'
      ? update(place, { trial_end: place.now + 14 * DAY, proration_behavior: 'none' })
      : 'no trial to extend',
  cancelAt: (place) => update(place, { cancel_at: place.now + (5 + place.random.below(60)) * DAY }),
  pauseCollection: (place) =>
    update(
      place,
      place.current.pause_collection
        ? { pause_collection: '' }
        : { pause_collection: { behavior: 'void', resumes_at: place.now + 20 * DAY } },
    ),
  returnTrip,
  coupon,
  sendInvoice: (place) =>
    update(
      place,
      place.current.collection_method === 'send_invoice'
        ? { collection_method: 'charge_automatically' }
        : { collection_method: 'send_invoice', days_until_due: 7 },
    ),
  refund,
  bankDebit,
};
