import type Stripe from 'stripe';
import type { Context } from '../../kernel/context.ts';
import { invalidRequest } from '../../kernel/errors.ts';
import { idOf } from '../../kernel/ids.ts';
import { p, type Values } from '../../kernel/params.ts';
import { defaultConfiguration } from './configuration.ts';
import { PORTAL_LOCALES } from '../../kernel/word-sets.ts';

type Configuration = Stripe.BillingPortal.Configuration;
type Flow = NonNullable<Stripe.BillingPortal.Session['flow']>;

const ofSubscription = { subscription: p.required(p.str) };
const FLOW = {
  after_completion: p.obj({
    hosted_confirmation: p.obj({ custom_message: p.str }),
    redirect: p.obj({ return_url: p.required(p.str) }),
    type: p.required(p.oneOf(['hosted_confirmation', 'portal_homepage', 'redirect'])),
  }),
  subscription_cancel: p.obj({
    ...ofSubscription,
    retention: p.unserved,
  }),
  subscription_pause: p.obj(ofSubscription),
  subscription_update: p.obj(ofSubscription),
  subscription_update_confirm: p.obj({
    ...ofSubscription,
    discounts: p.arr(p.obj({ coupon: p.str, promotion_code: p.str })),
    items: p.required(p.arr(p.obj({ id: p.required(p.str), price: p.str, quantity: p.int }))),
  }),
  type: p.required(
    p.oneOf([
      'customer_update',
      'payment_method_update',
      'subscription_cancel',
      'subscription_pause',
      'subscription_update',
      'subscription_update_confirm',
    ]),
  ),
};

export const CREATE = {
  after_expiration: p.harmless,
  configuration: p.str,
  customer: p.required(p.str),
  customer_account: p.unserved,
  flow_data: p.obj(FLOW),
  locale: p.oneOf(PORTAL_LOCALES),
  on_behalf_of: p.unserved,
  return_url: p.str,
};
type FlowValues = Values<typeof FLOW>;

const NO_DEFAULT =
  'No configuration provided and your test mode default configuration has not been created. Provide a configuration or create your default by saving your customer portal settings in test mode at https://dashboard.stripe.com/test/settings/billing/portal.';

function configurationFor(ctx: Context, id: string | undefined): Configuration {
  const configuration =
    id === undefined
      ? defaultConfiguration(ctx)
      : ctx.store.need('billing_portal.configuration', id, 'configuration');
  if (configuration === null) throw invalidRequest(NO_DEFAULT);
  if (!configuration.active)
    throw invalidRequest('The configuration you provided is inactive.', { param: 'configuration' });
  return configuration;
}

function requireEnabled(configuration: Configuration, type: FlowValues['type']): void {
  const { features } = configuration;
  const enabled: Record<FlowValues['type'], [boolean, string]> = {
    customer_update: [features.customer_update.enabled, 'customer update'],
    payment_method_update: [features.payment_method_update.enabled, 'payment method update'],
    subscription_cancel: [features.subscription_cancel.enabled, 'subscription cancellation'],
    subscription_pause: [features.subscription_pause.enabled, 'subscription pause'],
    subscription_update: [features.subscription_update.enabled, 'subscription update'],
    subscription_update_confirm: [features.subscription_update.enabled, 'subscription update'],
  };
  const [on, name] = enabled[type];
  if (!on)
    throw invalidRequest(
      `This flow cannot be used because the ${name} feature in the portal configuration is disabled.`,
      { param: 'flow_data[type]' },
    );
}

function requireSubscription(ctx: Context, customer: string, flow: FlowValues): void {
  if (flow.type === 'customer_update' || flow.type === 'payment_method_update') return;
  const given = flow[flow.type];
  const param = `flow_data[${flow.type}][subscription]`;
  if (given === undefined)
    throw invalidRequest(`Missing required param: flow_data[${flow.type}].`, {
      code: 'parameter_missing',
      param: `flow_data[${flow.type}]`,
    });
  const subscription = ctx.store.need('subscription', given.subscription, param);
  if (idOf(subscription.customer) !== customer)
    throw invalidRequest(
      `The subscription \`${subscription.id}\` does not belong to this customer.`,
      { param },
    );
  if (subscription.status === 'canceled' || subscription.status === 'incomplete_expired') {
    throw invalidRequest(
      `The subscription \`${subscription.id}\` is canceled and cannot be changed.`,
      { param },
    );
  }
  const ending = subscription.cancel_at_period_end || subscription.cancel_at !== null;
  if (flow.type === 'subscription_cancel' && ending) {
    throw invalidRequest(
      `The subscription \`${subscription.id}\` cannot be canceled because it is already set to cancel.`,
      { param },
    );
  }
}

function flowOf(flow: FlowValues): Flow {
  const after = flow.after_completion;
  const cancel = flow.subscription_cancel;
  const confirm = flow.subscription_update_confirm;
  const update = flow.subscription_update;
  return {
    after_completion: {
      hosted_confirmation:
        after?.hosted_confirmation === undefined
          ? null
          : { custom_message: after.hosted_confirmation.custom_message ?? null },
      redirect: after?.redirect ?? null,
      type: after?.type ?? 'portal_homepage',
    },
    customer_update: null,
    subscription_cancel:
      cancel === undefined
        ? null
        : { retention: cancel.retention ?? null, subscription: cancel.subscription },
    subscription_pause: flow.subscription_pause ?? null,
    subscription_update: update ?? null,
    subscription_update_confirm:
      confirm === undefined
        ? null
        : {
            discounts:
              confirm.discounts?.map(({ coupon = null, promotion_code = null }) => ({
                coupon,
                promotion_code,
              })) ?? null,
            items: confirm.items.map(({ id, price = null, quantity }) => ({
              id,
              price,
              ...(quantity === undefined ? {} : { quantity }),
            })),
            subscription: confirm.subscription,
          },
    type: flow.type,
  };
}

/** `POST /v1/billing_portal/sessions`. Emits `billing_portal.session.created`. */
export function createPortalSession(
  ctx: Context,
  params: Values<typeof CREATE>,
): Stripe.BillingPortal.Session {
  const customer = ctx.store.need('customer', params.customer, 'customer');
  const configuration = configurationFor(ctx, params.configuration);
  if (params.flow_data !== undefined) {
    requireEnabled(configuration, params.flow_data.type);
    requireSubscription(ctx, customer.id, params.flow_data);
  }
  const id = ctx.store.newId('billing_portal.session');
  const session = ctx.add('billing_portal.session', {
    id,
    object: 'billing_portal.session',
    configuration: configuration.id,
    created: ctx.now(),
    customer: customer.id,
    customer_account: null,
    flow: params.flow_data === undefined ? null : flowOf(params.flow_data),
    livemode: false,
    locale: params.locale ?? null,
    on_behalf_of: params.on_behalf_of ?? null,
    return_url: params.return_url ?? configuration.default_return_url,
    url: `${ctx.baseUrl}/p/session/${id}`,
  });
  ctx.emit('billing_portal.session.created', session);
  return session;
}
