import type Stripe from 'stripe';
import { listStored } from '../kernel/lists.ts';
import { p, PAGE, paramsOf } from '../kernel/params.ts';
import type { Registry } from '../kernel/registry.ts';
import {
  CONFIGURATION,
  createConfiguration,
  defaultConfiguration,
  productsOf,
  updateConfiguration,
} from '../payments/portal/configuration.ts';
import { CREATE as SESSION, createPortalSession } from '../payments/portal/session.ts';

const CREATE = paramsOf<Stripe.BillingPortal.ConfigurationCreateParams>()({
  ...CONFIGURATION,
  features: p.required(CONFIGURATION.features),
});
const UPDATE = paramsOf<Stripe.BillingPortal.ConfigurationUpdateParams>()({
  ...CONFIGURATION,
  active: p.bool,
});
const LIST = paramsOf<Stripe.BillingPortal.ConfigurationListParams>()({
  ...PAGE,
  active: p.bool,
  is_default: p.bool,
});

/** `/v1/billing_portal`: configurations and sessions. */
export function registerBillingPortal(registry: Registry): void {
  registry.post('/v1/billing_portal/configurations', CREATE, createConfiguration);
  registry.get('/v1/billing_portal/configurations', LIST, (ctx, params) => {
    defaultConfiguration(ctx);
    return listStored(ctx, 'billing_portal.configuration', {
      url: '/v1/billing_portal/configurations',
      page: params,
      where: (each) =>
        (params.active ?? each.active) === each.active &&
        (params.is_default ?? each.is_default) === each.is_default &&
        (ctx.settings.defaultPortalConfiguration || !each.is_default),
    });
  });
  registry.get('/v1/billing_portal/configurations/:id', {}, (ctx, _params, { id }) =>
    ctx.store.need('billing_portal.configuration', id),
  );
  registry.post('/v1/billing_portal/configurations/:id', UPDATE, (ctx, params, { id }) =>
    updateConfiguration(ctx, ctx.store.need('billing_portal.configuration', id), params),
  );
  registry.includable(
    'billing_portal.configuration',
    'features.subscription_update.products',
    productsOf,
  );
  registry.post(
    '/v1/billing_portal/sessions',
    paramsOf<Stripe.BillingPortal.SessionCreateParams>()(SESSION),
    createPortalSession,
  );
}
