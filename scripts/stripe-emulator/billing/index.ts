import type { BillingService } from '../contracts.ts';
import { ApiError } from '../kernel/errors.ts';

function notYet(): never {
  throw new ApiError(500, { type: 'api_error', message: 'not yet available' });
}

export const billing: BillingService = {
  createSubscription: notYet,
  quoteSubscription: notYet,
  onPayment: () => undefined,
  onSetupSucceeded: () => undefined,
  payInvoice: notYet,
  createInvoice: notYet,
  cancelSubscription: notYet,
  updateItems: notYet,
  setCancellation: notYet,
  recompute: notYet,
};
