import type Stripe from 'stripe';
import { payCheckout } from '../../../scripts/pay-checkout.ts';

/** The metadata key of the program that sold before. */
export const KEY = 'supabase_uid';

/** How the account of a payer is named; in turn. */
export const KINDS = [
  'metadata of the subscription',
  'metadata of the customer',
  'metadata.userId, as the tutorials write it',
  'client_reference_id of a Payment Link',
  'address in the map',
  'customer in the map, on another price of the plan',
  'two customers of one account',
  'a price of another program',
  'ended, with a trial',
  'by no one',
  'the mark of another deployment',
] as const;

/** What becomes of the subscription before it is taken over, among those who are linked. */
export const LIVES = [
  'active',
  'trialing',
  'past_due',
  'cancel_pending',
  'collection paused',
  'paused',
  'unpaid',
  'incomplete',
  'incomplete_expired',
  'canceled',
  'live, beside a newer customer whose subscription ended',
] as const;

/** The state here, whether it gives access, and what a checkout is answered. */
export const EXPECTED: Record<Payer['life'], [state: string, allowed: boolean, checkout: number]> =
  {
    active: ['active', true, 409],
    trialing: ['trialing', true, 409],
    past_due: ['past_due', true, 409],
    cancel_pending: ['cancel_pending', true, 409],
    'collection paused': ['active', false, 409],
    paused: ['paused', false, 409],
    unpaid: ['unpaid', false, 409],
    incomplete: ['incomplete', false, 409],
    incomplete_expired: ['canceled', false, 200],
    canceled: ['canceled', false, 200],
    'live, beside a newer customer whose subscription ended': ['active', true, 409],
  };

export interface Payer {
  account: string;
  life: (typeof LIVES)[number];
  kind: (typeof KINDS)[number];
  customerId: string;
  subscriptionId: string;
  /** Of another customer of the account. */
  endedBeside?: string;
}

/** Those whose account an import finds, with one subscription. */
export const isPaying = (kind: Payer['kind']) => KINDS.indexOf(kind) < 7;

/** Changes settings of Stripe's Dashboard. */
export type ChangeSettings = (change: object) => Promise<void>;

interface Account {
  stripe: Stripe;
  settings: ChangeSettings;
  count: number;
}

interface Prices {
  pro: string;
  /** Another price of the same product. */
  legacy: string;
  /** Of another program. */
  other: string;
}

/** An account in which a program has sold: its payers, and the lines of a map for those whom nothing names. */
export async function populate(account: Account): Promise<{ payers: Payer[]; map: string[] }> {
  const prices = await pricesOf(account.stripe);
  const payers: Payer[] = [];
  for (let i = 0; i < account.count; i += 1) payers.push(await sell(account, prices, i));
  const map = payers.flatMap(({ kind, account: name, customerId }, i) => {
    if (kind === 'address in the map') return [`payer${i}@example.com,${name}`];
    const isNamed = kind.startsWith('customer in') || kind.startsWith('two customers');
    return isNamed ? [`${customerId},${name}`] : [];
  });
  return { payers, map };
}

async function pricesOf(stripe: Stripe): Promise<Prices> {
  const { data: prices } = await stripe.prices.list({ limit: 100 });
  const pro = prices.find(({ unit_amount: amount }) => amount === 5_000)!;
  const monthly = { currency: 'usd', recurring: { interval: 'month' as const } };
  const product = typeof pro.product === 'string' ? pro.product : pro.product.id;
  const legacy = await stripe.prices.create({ ...monthly, product, unit_amount: 3_900 });
  const other = await stripe.prices.create({
    ...monthly,
    product_data: { name: 'Another program' },
    unit_amount: 900,
  });
  return { pro: pro.id, legacy: legacy.id, other: other.id };
}

async function sell(account: Account, prices: Prices, i: number): Promise<Payer> {
  const { stripe } = account;
  const kind = KINDS[i % KINDS.length]!;
  const life = lifeOf(kind, i);
  const name = kind === 'two customers of one account' ? `team-${i % 3}` : `payer-${i}`;
  const customer = await newCustomer(stripe, {
    email: `Payer${i}@example.com`,
    card: life.startsWith('incomplete') ? 'pm_card_chargeCustomerFail' : 'pm_card_visa',
    metadata: kind === 'metadata of the customer' ? { [KEY]: name } : {},
  });
  const metadata = metadataOf(kind, name);
  const price = kind === 'a price of another program' ? prices.other : prices.pro;
  const hasTrial = kind === 'ended, with a trial' || life === 'trialing' || life === 'canceled';
  const id = kind.startsWith('client_reference_id')
    ? await buyByLink(stripe, { customer, account: name, price, hasTrial })
    : (
        await stripe.subscriptions.create({
          customer,
          items: [{ price: kind.startsWith('customer in') ? prices.legacy : price }],
          ...(hasTrial ? { trial_period_days: 7 } : {}),
          metadata,
        })
      ).id;
  if (kind === 'ended, with a trial') await stripe.subscriptions.cancel(id);
  await live(account, { id, customer, life });
  const payer = { account: name, kind, life, customerId: customer, subscriptionId: id };
  if (!life.startsWith('live, beside')) return payer;
  const newer = await newCustomer(stripe, { email: `newer${i}@example.com`, metadata: {} });
  const { id: ended } = await stripe.subscriptions.create({
    customer: newer,
    items: [{ price }],
    metadata,
  });
  await stripe.subscriptions.cancel(ended);
  return { ...payer, endedBeside: ended };
}

/** One step further for each kind, so that few payers show many combinations. */
function lifeOf(kind: Payer['kind'], i: number): Payer['life'] {
  if (!isPaying(kind) || kind === 'two customers of one account') return 'active';
  const life = LIVES[(Math.floor(i / KINDS.length) + KINDS.indexOf(kind)) % LIVES.length]!;
  const isNamedBySubscription = kind === 'metadata of the subscription';
  const isByLink = kind.startsWith('client_reference_id');
  // Checkout is complete once it is paid; a second customer needs a name of its own.
  const cannot = life.startsWith('incomplete') ? isByLink : life.startsWith('live, beside');
  return cannot && !isNamedBySubscription ? 'active' : life;
}

function metadataOf(kind: Payer['kind'], account: string): Record<string, string> {
  if (kind.startsWith('metadata.userId')) return { userId: account };
  if (kind === 'the mark of another deployment') {
    return { [KEY]: account, tenure_account: account, tenure_deployment: 'staging' };
  }
  const names = [
    'metadata of the subscription',
    'a price of another program',
    'ended, with a trial',
  ];
  return names.includes(kind) ? { [KEY]: account } : {};
}

async function newCustomer(
  stripe: Stripe,
  {
    email,
    metadata,
    card = 'pm_card_visa',
  }: { email: string; metadata: Record<string, string>; card?: string },
): Promise<string> {
  const { id } = await stripe.customers.create({
    email,
    payment_method: card,
    invoice_settings: { default_payment_method: card },
    metadata: { ...metadata, crm: email },
  });
  return id;
}

/** All that a Payment Link says of its payer is what the shop put behind its address. */
async function buyByLink(
  stripe: Stripe,
  given: { customer: string; account: string; price: string; hasTrial: boolean },
): Promise<string> {
  const session = await stripe.checkout.sessions.create({
    mode: 'subscription',
    customer: given.customer,
    client_reference_id: given.account,
    line_items: [{ price: given.price, quantity: 1 }],
    success_url: 'https://shop.example/',
    ...(given.hasTrial ? { subscription_data: { trial_period_days: 7 } } : {}),
  });
  await payCheckout(session.url ?? '');
  const { subscription } = await stripe.checkout.sessions.retrieve(session.id);
  return typeof subscription === 'string' ? subscription : (subscription?.id ?? '');
}

async function live(
  { stripe, settings }: Account,
  { id, customer, life }: { id: string; customer: string; life: Payer['life'] },
): Promise<void> {
  if (life === 'cancel_pending') {
    await stripe.subscriptions.update(id, { cancel_at_period_end: true });
  } else if (life === 'collection paused') {
    await stripe.subscriptions.update(id, { pause_collection: { behavior: 'void' } });
  } else if (life === 'paused') {
    await stripe.subscriptions.pause(id, { invoicing_behavior: 'pending_invoice_item' });
  } else if (life === 'incomplete_expired' || life === 'canceled') {
    await stripe.subscriptions.cancel(id);
  } else if (life === 'past_due' || life === 'unpaid') {
    if (life === 'unpaid') await settings({ retryDays: [], finalAction: 'unpaid' });
    const method = await stripe.paymentMethods.attach('pm_card_chargeCustomerFail', { customer });
    await stripe.subscriptions.update(id, {
      default_payment_method: method.id,
      billing_cycle_anchor: { type: 'now' },
      proration_behavior: 'none',
    });
    if (life === 'unpaid') await settings({ retryDays: [3, 5, 7], finalAction: 'cancel' });
  }
}
