import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import { resourceMissing } from '../kernel/errors.ts';
import type { Registry } from '../kernel/registry.ts';

/** `/v1/account`, `/v1/accounts/:id` (its own), `/v1/balance`. */
export function registerAccount(registry: Registry): void {
  registry.get('/v1/account', {}, (ctx) => account(ctx));
  registry.get('/v1/accounts/:id', {}, (ctx, _params, path) => {
    if (path.id !== ctx.account.id) throw resourceMissing('account', path.id);
    return account(ctx);
  });
  registry.get('/v1/balance', {}, balance);
}

function account(ctx: Context): Stripe.Account {
  const { settings } = ctx;
  return {
    id: ctx.account.id,
    object: 'account',
    business_type: 'company',
    charges_enabled: true,
    country: settings.country,
    created: 1_700_000_000,
    default_currency: settings.currency,
    details_submitted: true,
    email: 'owner@example.test',
    metadata: {},
    payouts_enabled: true,
    settings: {
      branding: { icon: null, logo: null, primary_color: null, secondary_color: null },
      card_payments: {
        statement_descriptor_prefix: null,
        statement_descriptor_prefix_kana: null,
        statement_descriptor_prefix_kanji: null,
      },
      dashboard: { display_name: settings.businessName, timezone: 'Etc/UTC' },
      payments: {
        statement_descriptor: settings.businessName.toUpperCase().slice(0, 22),
        statement_descriptor_kana: null,
        statement_descriptor_kanji: null,
        statement_descriptor_prefix_kana: null,
        statement_descriptor_prefix_kanji: null,
      },
    },
    type: 'standard',
  };
}

/** All money of succeeded charges less what was given back, without fees, as pending. */
function balance(ctx: Context): Stripe.Balance {
  const totals = new Map<string, number>([[ctx.settings.currency, 0]]);
  for (const charge of ctx.store.of('charge').values()) {
    if (charge.status !== 'succeeded') continue;
    const taken = charge.amount_captured - charge.amount_refunded;
    totals.set(charge.currency, (totals.get(charge.currency) ?? 0) + taken);
  }
  const pending = [...totals].map(([currency, amount]) => ({
    amount,
    currency,
    source_types: { card: amount },
  }));
  const available = pending.map((entry) => ({ ...entry, amount: 0, source_types: { card: 0 } }));
  return { object: 'balance', available, livemode: false, pending };
}
