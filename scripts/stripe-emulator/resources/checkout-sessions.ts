import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import { invalidRequest } from '../kernel/errors.ts';
import { idOf } from '../kernel/ids.ts';
import { listStored, nestedList, pageOf } from '../kernel/lists.ts';
import { mergeMetadata } from '../kernel/metadata.ts';
import { PAGE, type Values } from '../kernel/params.ts';
import type { Registry } from '../kernel/registry.ts';
import { lineItem, pricedLines } from '../payments/checkout/amounts.ts';
import { createSession } from '../payments/checkout/create-session.ts';
import { EXPIRE_SESSION, expireJob, expireSession } from '../payments/checkout/expire-session.ts';
import { planOf } from '../payments/checkout/plan.ts';
import { CREATE, LIST, UPDATE } from './checkout-params.ts';

const itemsOf = (ctx: Context, id: string): Stripe.LineItem[] =>
  pricedLines(ctx, planOf(ctx, id)).map((line) => lineItem(ctx, line));

function list(ctx: Context, params: Values<typeof LIST>): Stripe.ApiList<Stripe.Checkout.Session> {
  const email = params.customer_details?.email;
  return listStored(ctx, 'checkout.session', {
    url: '/v1/checkout/sessions',
    page: params,
    ...(params.customer === undefined ? {} : { by: ['customer', params.customer] }),
    where: (session) =>
      (params.status ?? session.status) === session.status &&
      (params.payment_intent === undefined ||
        idOf(session.payment_intent) === params.payment_intent) &&
      (params.payment_link === undefined || idOf(session.payment_link) === params.payment_link) &&
      (params.subscription === undefined || idOf(session.subscription) === params.subscription) &&
      (email === undefined || session.customer_details?.email === email),
  });
}

/** `/v1/checkout/sessions`. */
export function registerCheckoutSessions(registry: Registry): void {
  registry.job(EXPIRE_SESSION, expireJob);
  registry.includable('checkout.session', 'line_items', (ctx, id) =>
    nestedList(itemsOf(ctx, id), `/v1/checkout/sessions/${id}/line_items`),
  );
  registry.post('/v1/checkout/sessions', CREATE, createSession);
  registry.get('/v1/checkout/sessions', LIST, list);
  registry.get('/v1/checkout/sessions/:id', {}, (ctx, _params, { id }) =>
    ctx.store.need('checkout.session', id),
  );
  registry.post('/v1/checkout/sessions/:id', UPDATE, (ctx, params, { id }) => {
    const session = ctx.store.need('checkout.session', id);
    const apply = () => (session.metadata = mergeMetadata(session.metadata ?? {}, params.metadata));
    return ctx.update('checkout.session', session, { event: null, apply });
  });
  registry.get('/v1/checkout/sessions/:id/line_items', PAGE, (ctx, params, { id }) => {
    const session = ctx.store.need('checkout.session', id);
    return pageOf(itemsOf(ctx, session.id), {
      url: `/v1/checkout/sessions/${session.id}/line_items`,
      page: params,
      kind: 'item',
    });
  });
  registry.post('/v1/checkout/sessions/:id/expire', {}, (ctx, _params, { id }) => {
    const session = ctx.store.need('checkout.session', id);
    if (session.status === 'open') return expireSession(ctx, session);
    throw invalidRequest(
      `Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a status of \`${session.status ?? ''}\`.`,
    );
  });
}
