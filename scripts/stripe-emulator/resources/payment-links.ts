import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import { keepForLink } from '../billing/prices.ts';
import { defaultMode } from '../billing/subscription-object.ts';
import type { Emulator } from '../kernel/emulator.ts';
import { invalidRequest } from '../kernel/errors.ts';
import { listStored, nestedList, pageOf } from '../kernel/lists.ts';
import { definedOf, mergeMetadata } from '../kernel/metadata.ts';
import { p, PAGE, paramsOf, type Values } from '../kernel/params.ts';
import { automaticTaxParam } from '../taxes/automatic.ts';
import { openLink } from './payment-link-visit.ts';
import { priceData } from './price-create.ts';
import { trialSettings } from './checkout-params.ts';
import { CHOICES } from './checkout-choices.ts';
import { consentOf, customField } from '../payments/checkout/choices.ts';
import type { Registry } from '../kernel/registry.ts';
import { keepLines, keptLines, linesFrom, priced, shownLines } from '../quotes/lines.ts';
import { LINK_METHOD_TYPES } from '../kernel/method-types.ts';

type Link = Stripe.PaymentLink;
const completion = p.obj({
  type: p.required(p.oneOf(['hosted_confirmation', 'redirect'])),
  hosted_confirmation: p.obj({ custom_message: p.str }),
  redirect: p.obj({ url: p.required(p.str) }),
});
const message = p.clearable(p.obj({ message: p.required(p.upTo(1200)) }));
const shared = {
  active: p.bool,
  after_completion: completion,
  allow_promotion_codes: p.bool,
  automatic_tax: automaticTaxParam,
  billing_address_collection: p.oneOf(['auto', 'required']),
  custom_fields: p.clearable(CHOICES.custom_fields),
  custom_text: p.obj({
    after_submit: message,
    shipping_address: message,
    submit: message,
    terms_of_service_acceptance: message,
  }),
  customer_creation: p.oneOf(['always', 'if_required']),
  inactive_message: p.clearable(p.str),
  invoice_creation: p.unserved,
  line_items: p.arr(
    p.obj({
      id: p.str,
      price: p.str,
      price_data: priceData,
      quantity: p.int,
      adjustable_quantity: p.obj({ enabled: p.required(p.bool), minimum: p.int, maximum: p.int }),
    }),
  ),
  metadata: p.metadata,
  name_collection: p.harmless,
  optional_items: p.unserved,
  payment_intent_data: p.unserved,
  payment_method_collection: p.oneOf(['always', 'if_required']),
  payment_method_options: p.harmless,
  payment_method_types: p.clearable(p.arr(p.oneOf(LINK_METHOD_TYPES))),
  phone_number_collection: p.obj({ enabled: p.required(p.bool) }),
  restrictions: p.unserved,
  shipping_address_collection: p.clearable(CHOICES.shipping_address_collection),
  submit_type: p.oneOf(['auto', 'book', 'donate', 'pay', 'subscribe']),
  subscription_data: p.obj({
    description: p.str,
    invoice_settings: p.harmless,
    metadata: p.metadata,
    trial_period_days: p.clearable(p.int),
    trial_settings: trialSettings,
  }),
  tax_id_collection: CHOICES.tax_id_collection,
};
const createParams = paramsOf<Omit<Stripe.PaymentLinkCreateParams, 'line_items'>>()({
  ...shared,
  line_items: p.required(shared.line_items),
  application_fee_amount: p.unserved,
  application_fee_percent: p.unserved,
  consent_collection: CHOICES.consent_collection,
  currency: p.currency,
  managed_payments: p.unserved,
  on_behalf_of: p.unserved,
  shipping_options: p.unserved,
  transfer_data: p.unserved,
});
type Params = Partial<Values<typeof shared>>;

/** Payment links: `/v1/payment_links`, and the address that a person opens. */
export function registerPaymentLinks(registry: Registry, emulator: Emulator): void {
  registry.post('/v1/payment_links', createParams, createLink);
  registry.get('/v1/payment_links', { ...PAGE, active: p.bool }, (ctx, params) =>
    listStored(ctx, 'payment_link', {
      url: '/v1/payment_links',
      page: params,
      where: (link) => params.active === undefined || link.active === params.active,
    }),
  );
  registry.get('/v1/payment_links/:id', {}, (ctx, _params, { id }) =>
    ctx.store.need('payment_link', id),
  );
  registry.post('/v1/payment_links/:id', shared, (ctx, params, { id }) => {
    const link = ctx.store.need('payment_link', id);
    return ctx.update('payment_link', link, {
      event: 'payment_link.updated',
      apply: () => fill(link, params),
    });
  });
  const shown = (ctx: Context, id: string) => shownLines(ctx, priced(ctx, keptLines(ctx, id), []));
  registry.get('/v1/payment_links/:id/line_items', PAGE, (ctx, page, { id }) => {
    ctx.store.need('payment_link', id);
    return pageOf(shown(ctx, id), { url: `/v1/payment_links/${id}/line_items`, page });
  });
  registry.includable('payment_link', 'line_items', (ctx, id) =>
    nestedList(shown(ctx, id), `/v1/payment_links/${id}/line_items`),
  );
  registry.raw('GET', '/b/:id', (request) => {
    const id = request.path['id'] ?? '';
    const account = emulator.accountHolding(id);
    if (account === undefined) throw invalidRequest('No such payment link.', { status: 404 });
    return openLink(emulator.context(account), id, request.url.searchParams);
  });
}

function createLink(ctx: Context, params: Values<typeof createParams>): Link {
  const lines = linesFrom(ctx, params.line_items);
  const prices = lines.map((line) => ctx.store.need('price', line.price));
  for (const { id } of prices) keepForLink(ctx, id);
  const subscribes = prices.some((price) => price.recurring !== null);
  const id = ctx.store.newId('payment_link');
  const link: Link = {
    id,
    object: 'payment_link',
    active: true,
    after_completion: {
      hosted_confirmation: { custom_message: null },
      type: 'hosted_confirmation',
    },
    allow_promotion_codes: false,
    application: null,
    application_fee_amount: null,
    application_fee_percent: null,
    automatic_tax: { enabled: false, liability: null },
    billing_address_collection: 'auto',
    consent_collection: consentOf(params.consent_collection),
    currency: params.currency ?? prices[0]?.currency ?? ctx.settings.currency,
    custom_fields: [],
    custom_text: {
      after_submit: null,
      shipping_address: null,
      submit: null,
      terms_of_service_acceptance: null,
    },
    customer_creation: subscribes ? 'always' : 'if_required',
    inactive_message: null,
    invoice_creation: subscribes ? null : { enabled: false, invoice_data: null },
    livemode: false,
    managed_payments: null,
    metadata: {},
    on_behalf_of: null,
    payment_intent_data: null,
    payment_method_collection: 'always',
    payment_method_options: null,
    payment_method_types: null,
    phone_number_collection: { enabled: false },
    restrictions: null,
    shipping_address_collection: null,
    shipping_options: [],
    submit_type: 'auto',
    subscription_data: subscribes
      ? {
          description: null,
          invoice_settings: {
            account_tax_ids: null,
            custom_fields: null,
            description: null,
            footer: null,
            issuer: { type: 'self' },
          },
          metadata: {},
          trial_period_days: null,
          trial_settings: null,
        }
      : null,
    tax_id_collection: { enabled: false, required: 'never' },
    transfer_data: null,
    url: `${ctx.baseUrl}/b/${id}`,
  };
  fill(link, params);
  ctx.add('payment_link', link);
  keepLines(ctx, id, lines);
  ctx.note('payment_link', id)['billingMode'] = defaultMode(ctx).type;
  ctx.emit('payment_link.created', link);
  return link;
}

/** What the page of a link asks. */
function fillQuestions(link: Link, params: Params): void {
  const { automatic_tax: tax, custom_fields: fields, tax_id_collection: taxIds } = params;
  if (tax !== undefined)
    link.automatic_tax = {
      enabled: tax.enabled,
      liability: tax.enabled ? { type: 'self' } : null,
    };
  if (fields !== undefined)
    link.custom_fields = (fields ?? []).map((field) => withoutValue(customField(field)));
  if (taxIds !== undefined)
    link.tax_id_collection = { enabled: taxIds.enabled, required: taxIds.required ?? 'never' };
  Object.assign(link.custom_text, definedOf(params.custom_text ?? {}));
  if (params.payment_method_types !== undefined)
    link.payment_method_types = params.payment_method_types;
  if (params.shipping_address_collection !== undefined)
    link.shipping_address_collection = params.shipping_address_collection;
}

type LinkField = Link['custom_fields'][number];

function withoutValue({
  text,
  numeric,
  dropdown,
  ...field
}: ReturnType<typeof customField>): LinkField {
  const bare = <T extends { value: string | null }>({ value: _value, ...rest }: T) => rest;
  return {
    ...field,
    ...(dropdown === undefined ? {} : { dropdown: bare(dropdown) }),
    ...(numeric === undefined ? {} : { numeric: bare(numeric) }),
    ...(text === undefined ? {} : { text: bare(text) }),
  };
}

function fill(link: Link, params: Params): void {
  fillQuestions(link, params);
  link.active = params.active ?? link.active;
  link.allow_promotion_codes = params.allow_promotion_codes ?? link.allow_promotion_codes;
  link.billing_address_collection =
    params.billing_address_collection ?? link.billing_address_collection;
  link.customer_creation = params.customer_creation ?? link.customer_creation;
  link.payment_method_collection =
    params.payment_method_collection ?? link.payment_method_collection;
  link.phone_number_collection = params.phone_number_collection ?? link.phone_number_collection;
  link.submit_type = params.submit_type ?? link.submit_type;
  if (params.inactive_message !== undefined) link.inactive_message = params.inactive_message;
  link.metadata = mergeMetadata(link.metadata, params.metadata);
  const { after_completion: after, subscription_data: data } = params;
  if (after?.type === 'redirect')
    link.after_completion = { redirect: { url: after.redirect?.url ?? '' }, type: 'redirect' };
  if (after?.type === 'hosted_confirmation') {
    link.after_completion = {
      hosted_confirmation: { custom_message: after.hosted_confirmation?.custom_message ?? null },
      type: after.type,
    };
  }
  if (data !== undefined && link.subscription_data !== null) {
    link.subscription_data.description = data.description ?? link.subscription_data.description;
    link.subscription_data.metadata = mergeMetadata(link.subscription_data.metadata, data.metadata);
    if (data.trial_period_days !== undefined)
      link.subscription_data.trial_period_days = data.trial_period_days;
    if (data.trial_settings !== undefined) {
      const { missing_payment_method } = data.trial_settings.end_behavior;
      link.subscription_data.trial_settings = { end_behavior: { missing_payment_method } };
    }
  }
}
