import type Stripe from 'stripe';
import { invalidRequest } from '../kernel/errors.ts';
import { idOf } from '../kernel/ids.ts';
import { listStored } from '../kernel/lists.ts';
import { mergeMetadata } from '../kernel/metadata.ts';
import { p, PAGE, paramsOf } from '../kernel/params.ts';
import type { Registry } from '../kernel/registry.ts';
import { createMethod, METHOD_DATA } from '../payments/create-method.ts';
import { addSource, attachMethod, detachMethod, methodFor } from '../payments/methods.ts';
import { billingDetails, mergeBilling } from '../payments/params.ts';
import { METHOD_TYPES } from '../kernel/method-types.ts';

const CREATE = paramsOf<Stripe.PaymentMethodCreateParams>()({
  ...METHOD_DATA,
  customer: p.str,
  payment_method: p.str,
});
const UPDATE = paramsOf<Stripe.PaymentMethodUpdateParams>()({
  allow_redisplay: p.oneOf(['always', 'limited', 'unspecified']),
  billing_details: billingDetails,
  card: p.obj({ exp_month: p.int, exp_year: p.int, networks: p.harmless }),
  metadata: p.metadata,
  us_bank_account: p.harmless,
});
const LIST = paramsOf<Stripe.PaymentMethodListParams>()({
  ...PAGE,
  allow_redisplay: p.oneOf(['always', 'limited', 'unspecified']),
  customer: p.str,
  customer_account: p.unserved,
  type: p.oneOf(METHOD_TYPES),
});

/** `/v1/payment_methods` and the payment methods and legacy sources of a customer. */
export function registerPaymentMethods(registry: Registry): void {
  registry.post('/v1/payment_methods', CREATE, (ctx, params) => createMethod(ctx, params));
  registry.get('/v1/payment_methods/:id', {}, (ctx, _params, { id }) => methodFor(ctx, id, 'id'));
  registry.post('/v1/payment_methods/:id', UPDATE, (ctx, params, { id }) => {
    const method = ctx.store.need('payment_method', id);
    if (method.customer === null) {
      throw invalidRequest(
        'You must save this PaymentMethod to a customer before you can update it.',
      );
    }
    const apply = () => {
      method.allow_redisplay = params.allow_redisplay ?? method.allow_redisplay;
      method.billing_details = mergeBilling(method.billing_details, params.billing_details);
      method.metadata = mergeMetadata(method.metadata ?? {}, params.metadata);
      if (method.card === undefined || params.card === undefined) return;
      method.card.exp_month = params.card.exp_month ?? method.card.exp_month;
      method.card.exp_year = params.card.exp_year ?? method.card.exp_year;
    };
    return ctx.update('payment_method', method, { event: 'payment_method.updated', apply });
  });
  registry.post(
    '/v1/payment_methods/:id/attach',
    { customer: p.required(p.str) },
    (ctx, params, { id }) => {
      const customer = ctx.store.need('customer', params.customer, 'customer');
      return attachMethod(ctx, methodFor(ctx, id, 'id'), customer.id);
    },
  );
  registry.post('/v1/payment_methods/:id/detach', {}, (ctx, _params, { id }) =>
    detachMethod(ctx, ctx.store.need('payment_method', id)),
  );
  registry.get('/v1/payment_methods', LIST, (ctx, params) => {
    const customer =
      params.customer === undefined
        ? undefined
        : ctx.store.need('customer', params.customer, 'customer');
    return listStored(ctx, 'payment_method', {
      url: '/v1/payment_methods',
      page: params,
      ...(customer === undefined ? {} : { by: ['customer', customer] }),
      where: (method) => (params.type ?? method.type) === method.type,
    });
  });
  registerOfCustomer(registry);
}

function registerOfCustomer(registry: Registry): void {
  const list = {
    ...PAGE,
    allow_redisplay: p.oneOf(['always', 'limited', 'unspecified']),
    type: p.str,
  };
  registry.get('/v1/customers/:id/payment_methods', list, (ctx, params, path) => {
    const customer = ctx.store.need('customer', path.id, 'customer');
    return listStored(ctx, 'payment_method', {
      url: `/v1/customers/${customer.id}/payment_methods`,
      page: params,
      by: ['customer', customer],
      where: (method) => (params.type ?? method.type) === method.type,
    });
  });
  registry.get('/v1/customers/:id/payment_methods/:method', {}, (ctx, _params, path) => {
    const method = ctx.store.need('payment_method', path.method);
    if (idOf(method.customer) === path.id) return method;
    throw invalidRequest(`No such PaymentMethod: '${method.id}'`, {
      code: 'resource_missing',
      param: 'payment_method',
      status: 404,
    });
  });
  registry.get('/v1/customers/:id/sources', { ...PAGE, object: p.str }, (ctx, params, path) => {
    const customer = ctx.store.need('customer', path.id, 'customer');
    return listStored(ctx, 'card', {
      url: `/v1/customers/${customer.id}/sources`,
      page: params,
      by: ['customer', customer],
    });
  });
  registry.post(
    '/v1/customers/:id/sources',
    { source: p.required(p.str), metadata: p.metadata },
    (ctx, params, path) => {
      const customer = ctx.store.need('customer', path.id, 'customer');
      const card = addSource(ctx, customer.id, params.source);
      ctx.emit('customer.source.created', card);
      if (customer.default_source === null) {
        ctx.update('customer', customer, {
          event: 'customer.updated',
          apply: () => (customer.default_source = card.id),
        });
      }
      return card;
    },
  );
  registry.get('/v1/customers/:id/sources/:source', {}, (ctx, _params, { source }) =>
    ctx.store.need('card', source),
  );
  registry.delete('/v1/customers/:id/sources/:source', {}, (ctx, _params, path) => {
    const card = ctx.store.need('card', path.source);
    ctx.emit('customer.source.deleted', card);
    const customer = ctx.store.find('customer', path.id);
    if (customer !== undefined && idOf(customer.default_source) === card.id) {
      ctx.update('customer', customer, {
        event: 'customer.updated',
        apply: () => (customer.default_source = null),
      });
    }
    ctx.store.remove('payment_method', card.id);
    return ctx.store.remove('card', card.id);
  });
}
