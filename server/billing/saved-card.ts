import type Stripe from 'stripe';
import { isGatewayError } from '../../adapters/stripe-gateway.ts';
import { methodFingerprint } from '../../state/subscription-facts.ts';
import type { Services } from '../lib/services.ts';

export interface SavedCard {
  id: string;
  fingerprint: string | null;
  /** A bank debit: days pass until it is known whether money comes. */
  isDelayed: boolean;
}

const DELAYED =
  /_debit$|^us_bank_account$|^(nz|kr)_bank_account$|^customer_balance$|^boleto$|^oxxo$|^konbini$|^multibanco$/;

/** Whether the money of a method may fail to come, days later. */
export const isDelayedMethod = (type: string): boolean => DELAYED.test(type);

/**
 * What a customer can be charged on without asking them: their default method, else the one that their last
 * subscription used, if it is still theirs. Null when there is none.
 */
export async function savedCard(
  services: Services,
  who: { customerId: string; lastMethodId: string | null },
): Promise<SavedCard | null> {
  const customer = await services.stripe.retrieveCustomer(who.customerId);
  if (customer.deleted) return null;
  const preferred = customer.invoice_settings.default_payment_method;
  if (preferred !== null && typeof preferred !== 'string') return cardOf(preferred);
  const id = preferred ?? who.lastMethodId;
  if (id === null) return null;
  try {
    const method = await services.stripe.retrievePaymentMethod(id);
    const owner = typeof method.customer === 'string' ? method.customer : method.customer?.id;
    return owner === who.customerId ? cardOf(method) : null;
  } catch (error) {
    // Removed in the meantime.
    if (isGatewayError(error, 'not_found')) return null;
    throw error;
  }
}

function cardOf(method: Stripe.PaymentMethod): SavedCard {
  return {
    id: method.id,
    fingerprint: methodFingerprint(method),
    isDelayed: isDelayedMethod(method.type),
  };
}
