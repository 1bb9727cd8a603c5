import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import { listStored } from '../kernel/lists.ts';
import { p, PAGE } from '../kernel/params.ts';
import type { Registry } from '../kernel/registry.ts';

/** Money that customers send by bank transfer: `/v1/customers/:id/cash_balance`, and the test helper that sends some. */
export function registerCashBalance(registry: Registry): void {
  registry.get('/v1/customers/:id/cash_balance', {}, (ctx, _params, { id }) =>
    cashBalance(ctx, ctx.store.need('customer', id).id),
  );
  const modes = p.oneOf(['automatic', 'manual', 'merchant_default']);
  registry.post(
    '/v1/customers/:id/cash_balance',
    { settings: p.obj({ reconciliation_mode: modes }) },
    (ctx, params, { id }) => {
      const customer = ctx.store.need('customer', id).id;
      const mode = params.settings?.reconciliation_mode;
      if (mode !== undefined) ctx.note('cash_balance', customer)['mode'] = mode;
      return cashBalance(ctx, customer);
    },
  );
  registry.includable('customer', 'cash_balance', (ctx, id) => cashBalance(ctx, id));
  const url = (id: string) => `/v1/customers/${id}/cash_balance_transactions`;
  registry.get('/v1/customers/:id/cash_balance_transactions', PAGE, (ctx, page, { id }) =>
    listStored(ctx, 'customer_cash_balance_transaction', {
      url: url(id),
      page,
      by: ['customer', ctx.store.need('customer', id).id],
    }),
  );
  const funding = {
    amount: p.required(p.amount),
    currency: p.required(p.currency),
    reference: p.str,
  };
  registry.post(
    '/v1/test_helpers/customers/:id/fund_cash_balance',
    funding,
    (ctx, params, { id }) => {
      const customer = ctx.store.need('customer', id).id;
      const entry = ctx.add('customer_cash_balance_transaction', {
        id: ctx.store.newId('customer_cash_balance_transaction'),
        object: 'customer_cash_balance_transaction',
        created: ctx.nowFor(customer),
        currency: params.currency,
        customer,
        customer_account: null,
        ending_balance: total(ctx, customer, params.currency) + params.amount,
        funded: {
          bank_transfer: { reference: params.reference ?? null, type: 'us_bank_transfer' },
        },
        livemode: false,
        net_amount: params.amount,
        type: 'funded',
      });
      ctx.emit('customer_cash_balance_transaction.created', entry);
      ctx.emit('cash_balance.funds_available', cashBalance(ctx, customer));
      fundIntents(ctx, { customer, currency: params.currency, amount: params.amount });
      return entry;
    },
  );
}

function total(ctx: Context, customer: string, currency: string): number {
  return ctx.store
    .by('customer_cash_balance_transaction', 'customer', customer)
    .filter((entry) => entry.currency === currency)
    .reduce((sum, entry) => sum + entry.net_amount, 0);
}

/** `merchant_default` is the account's own setting: automatic. */
function settingsOf(ctx: Context, customer: string): Stripe.CashBalance.Settings {
  const mode = ctx.store.find('_note', `cash_balance:${customer}`)?.data['mode'];
  const own = mode === 'automatic' || mode === 'manual' ? mode : null;
  return { reconciliation_mode: own ?? 'automatic', using_merchant_default: own === null };
}

function cashBalance(ctx: Context, customer: string): Stripe.CashBalance {
  const currencies = new Set(
    ctx.store
      .by('customer_cash_balance_transaction', 'customer', customer)
      .map((entry) => entry.currency),
  );
  const available = Object.fromEntries(
    [...currencies].map((currency) => [currency, total(ctx, customer, currency)]),
  );
  return {
    object: 'cash_balance',
    available: currencies.size === 0 ? null : available,
    customer,
    customer_account: null,
    livemode: false,
    settings: settingsOf(ctx, customer),
  };
}

/** A transfer smaller than what an intent waits for is announced; the intent goes on waiting for the rest. */
function fundIntents(
  ctx: Context,
  funding: { customer: string; currency: string; amount: number },
): void {
  for (const intent of ctx.store.by('payment_intent', 'customer', funding.customer)) {
    const waits =
      intent.status === 'requires_action' &&
      intent.next_action?.type === 'display_bank_transfer_instructions';
    if (waits && intent.currency === funding.currency && funding.amount < intent.amount) {
      ctx.emit('payment_intent.partially_funded', intent);
    }
  }
}
