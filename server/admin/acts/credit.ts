import { z } from 'zod';
import { requireStripeCustomer } from '../../billing/account.ts';
import { withCustomerLock } from '../../billing/with-customer-lock.ts';
import { json } from '../../http/define-route.ts';
import { defineAct } from './act.ts';

/** Credit on the customer's balance: the next invoices cost less. */
export const credit = defineAct({
  name: 'credit',
  path: 'credit',
  summary: 'Give credit for the next invoices',
  body: z.strictObject({
    amount: z.int().min(1).max(99_999_999),
    currency: z.string().regex(/^[a-z]{3}$/),
    description: z.string().min(1).max(350),
  }),
  response: z.object({ id: z.string(), balance: z.int(), currency: z.string() }),
  errors: ['no_billing_account'],
  run: ({ services, account, body, commandKey }) =>
    withCustomerLock(services, account.id, async () => {
      const customerId = await requireStripeCustomer(services, account.id);
      const made = await services.stripe.giveCredit(
        { ...body, customerId, userId: account.id },
        commandKey('credit'),
      );
      // Stripe counts what is in the customer's favour below zero.
      return json({ id: made.id, balance: 0 - made.ending_balance, currency: made.currency });
    }),
});
