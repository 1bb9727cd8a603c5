import type Stripe from 'stripe';
import { invalidRequest } from '../kernel/errors.ts';
import { p, paramsOf } from '../kernel/params.ts';
import type { Registry } from '../kernel/registry.ts';
import { cardParams, readCard } from '../payments/create-method.ts';
import { cardOfToken } from '../payments/methods.ts';

const CREATE = paramsOf<Stripe.TokenCreateParams>()({
  account: p.unserved,
  bank_account: p.unserved,
  card: cardParams,
  customer: p.str,
  cvc_update: p.unserved,
  person: p.unserved,
  pii: p.unserved,
});

/** `/v1/tokens`: the legacy way to hand over a card. */
export function registerTokens(registry: Registry): void {
  registry.post('/v1/tokens', CREATE, (ctx, params) => {
    if (params.card === undefined) {
      throw invalidRequest(
        'You must supply either a card, customer, PII data, bank account, or account legal entity to create a token.',
      );
    }
    return ctx.add('token', {
      id: ctx.store.newId('token'),
      object: 'token',
      card: cardOfToken(ctx, readCard(ctx, params.card)),
      client_ip: '127.0.0.1',
      created: ctx.now(),
      livemode: false,
      type: 'card',
      used: false,
    });
  });
  registry.get('/v1/tokens/:id', {}, (ctx, _params, { id }) => ctx.store.need('token', id));
}
