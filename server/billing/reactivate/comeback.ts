import type Stripe from 'stripe';
import { isGatewayError } from '../../../adapters/stripe-gateway.ts';
import type { SubscriptionRow } from '../../../db/subscriptions.ts';
import { AppError } from '../../http/errors.ts';
import type { Charge } from '../charge.ts';
import { wishFor, type CheckoutWish } from '../checkout-session.ts';
import { actionsNow, type CommandContext } from '../command.ts';
import { debtsOf, requireCollectable } from '../debts.ts';
import { trialDaysFor } from '../new-subscription.ts';
import type { ChosenPrice } from '../plan-choice.ts';
import { promotionFor, refusedCode, type FoundPromotion } from '../promotion-code.ts';
import { savedCard, type SavedCard } from '../saved-card.ts';

/** What an account comes back to, the method that pays, and what it takes at once. */
export interface Comeback {
  /** Null where only Checkout can take the payment. */
  card: SavedCard | null;
  wish: CheckoutWish & { taxRates: string[] };
  promotion: FoundPromotion | null;
  charge: Charge;
}

interface Wanted {
  customerId: string;
  /** Every subscription of the customer, as Stripe has them. */
  known: readonly Stripe.Subscription[];
  choice: ChosenPrice;
  promotionCode: string | undefined;
}

/** Reads what a comeback needs and costs. Throws 409 for debts that cannot be collected, 400 for a code that does not count. */
export async function planComeback(
  context: CommandContext,
  former: SubscriptionRow,
  wanted: Wanted,
): Promise<Comeback> {
  const { services, account } = context;
  const { customerId, choice, known } = wanted;
  const lastMethodId = former.facts.defaultPaymentMethodId;
  const [card, debts] = await Promise.all([
    savedCard(services, { customerId, lastMethodId }),
    debtsOf(services, { userId: account.id, customerId }),
  ]);
  requireCollectable(context, former, { debts, card, currency: choice.currency });
  const trialDays = await trialDaysFor(context, {
    customerId,
    fingerprint: card?.fingerprint ?? null,
    known,
  });
  const promotion = await promotionFor(services, customerId, wanted.promotionCode);
  const promotionCodeId = promotion?.id ?? null;
  const wish = {
    ...wishFor(choice, { customerId, userId: account.id, trialDays, promotionCodeId }),
    taxRates: taxRatesOf(known.find(({ id }) => id === former.id)),
  };
  const { invoice, needsAddress } = await firstInvoice(context, former, wish);
  const currency = invoice?.currency ?? choice.currency ?? former.facts.currency;
  return {
    card: needsAddress ? null : card,
    wish,
    promotion,
    charge: { currency, invoice, debts },
  };
}

/** The items of a new subscription, as Stripe takes them. */
export function itemsOf(wish: CheckoutWish) {
  return [
    { price: wish.priceId, quantity: wish.quantity ?? undefined },
    ...wish.addons,
    ...wish.meterPrices.map((price) => ({ price })),
  ];
}

/** Stripe Tax that knows no address: Checkout asks for it. */
export const NO_ADDRESS = 'customer_tax_location_invalid';

async function firstInvoice(
  context: CommandContext,
  former: SubscriptionRow,
  wish: Comeback['wish'],
): Promise<{ invoice: Stripe.Invoice | null; needsAddress: boolean }> {
  const { automaticTax } = context.services.config;
  try {
    return { invoice: await previewFirst(context, wish, automaticTax), needsAddress: false };
  } catch (error) {
    if (isGatewayError(error, 'invalid') && error.code === NO_ADDRESS) {
      return { invoice: await previewFirst(context, wish, false), needsAddress: true };
    }
    throw (
      (wish.promotionCodeId !== null && refusedCode(error)) || otherCurrency(context, former, error)
    );
  }
}

/** The first invoice of what is wished for. */
export function previewFirst(
  { services }: CommandContext,
  wish: Comeback['wish'],
  automaticTax: boolean,
): Promise<Stripe.Invoice | null> {
  const { customerId, currency, promotionCodeId, trialDays, taxRates } = wish;
  const now = Math.floor(services.clock.now() / 1000);
  return services.stripe.previewStart({
    customerId,
    currency,
    items: itemsOf(wish),
    trialEnd: trialDays === null ? null : now + trialDays * 86_400,
    promotionCodeId,
    automaticTax,
    taxRates,
  });
}

/** A customer pays in one currency while something of theirs is in it: a subscription, credit, an item that waits. */
function otherCurrency(context: CommandContext, former: SubscriptionRow, error: unknown): unknown {
  const isCurrency =
    isGatewayError(error, 'invalid') &&
    (error.param === 'currency' || /currenc(y|ies)/i.test(error.message));
  if (!isCurrency) return error;
  const currency = former.facts.currency.toUpperCase();
  return new AppError(
    'not_allowed',
    `You are billed in ${currency}, and something in it is still open, such as credit. Choose a plan that is sold in ${currency}.`,
    {
      fields: {
        state: former.state,
        actions: actionsNow(context.services, former),
        reason: 'currency',
        currency: former.facts.currency,
      },
      cause: error,
    },
  );
}

function taxRatesOf(former: Stripe.Subscription | undefined): string[] {
  return (former?.default_tax_rates ?? []).map(({ id }) => id);
}
