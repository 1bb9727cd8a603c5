import type Stripe from 'stripe';
import type { Context } from '../../kernel/context.ts';
import { randomText } from '../../kernel/ids.ts';
import type { CreateValues } from '../../resources/checkout-params.ts';
import { metadataOf } from '../params.ts';
import type { Totals } from './amounts.ts';
import { choicesOf } from './choices.ts';
import { shippingCost } from './shipping.ts';

type Session = Stripe.Checkout.Session;

export interface SessionFacts {
  id: string;
  customer: Stripe.Customer | null;
  totals: Totals;
  currency: string | null;
  shipping: Session['shipping_options'];
}

const UI_MODES: Readonly<Record<string, Session['ui_mode']>> = {
  hosted: 'hosted_page',
  embedded: 'embedded_page',
  custom: 'elements',
};

/** Who pays, as far as it is known. */
export function detailsOf(known: {
  email: string | null;
  name?: string | null;
  address?: Stripe.Address | null;
  taxExempt?: Stripe.Checkout.Session.CustomerDetails.TaxExempt | null;
}): Session['customer_details'] {
  return {
    address: known.address ?? null,
    business_name: null,
    email: known.email,
    individual_name: null,
    name: known.name ?? null,
    phone: null,
    tax_exempt: known.taxExempt ?? null,
    tax_ids: null,
  };
}

function typesOf(params: CreateValues, currency: string | null): string[] {
  if (params.payment_method_types !== undefined) return params.payment_method_types;
  const automatic = currency === 'eur' ? ['card', 'link', 'sepa_debit'] : ['card', 'link'];
  const types: readonly string[] =
    params.allowed_payment_method_types ?? (params.mode === 'setup' ? ['card'] : automatic);
  const excluded: readonly string[] = params.excluded_payment_method_types ?? [];
  return types.filter((type) => !excluded.includes(type));
}

function invoiceCreation(params: CreateValues): Session['invoice_creation'] {
  if (params.mode !== 'payment') return null;
  const data = params.invoice_creation?.invoice_data ?? {};
  return {
    enabled: params.invoice_creation?.enabled ?? false,
    invoice_data: {
      account_tax_ids: null,
      custom_fields: data.custom_fields ?? null,
      description: data.description ?? null,
      footer: data.footer ?? null,
      issuer: null,
      metadata: metadataOf(data.metadata),
      rendering_options: null,
    },
  };
}

function customerCreation(params: CreateValues): Session['customer_creation'] {
  if (params.customer !== undefined || params.mode === 'setup') return null;
  return params.customer_creation ?? (params.mode === 'subscription' ? 'always' : 'if_required');
}

function knownDetails(
  params: CreateValues,
  customer: Stripe.Customer | null,
): Session['customer_details'] {
  if (customer !== null)
    return detailsOf({
      email: customer.email,
      taxExempt: params.mode === 'setup' ? null : customer.tax_exempt,
    });
  return params.customer_email === undefined ? null : detailsOf({ email: params.customer_email });
}

/** An open session as Stripe answers it. */
export function newSession(ctx: Context, params: CreateValues, facts: SessionFacts): Session {
  const { id, customer, totals, currency, shipping } = facts;
  const setup = params.mode === 'setup';
  const uiMode = UI_MODES[params.ui_mode ?? ''] ?? params.ui_mode ?? 'hosted_page';
  const hosted = uiMode === 'hosted_page';
  const texts = params.custom_text ?? {};
  return {
    id,
    object: 'checkout.session',
    adaptive_pricing: {
      enabled: params.mode !== 'setup' && (params.adaptive_pricing?.enabled ?? true),
    },
    ...choicesOf(ctx, params, { setup, known: customer !== null }),
    allow_promotion_codes: params.allow_promotion_codes ?? null,
    allowed_payment_method_types: params.allowed_payment_method_types ?? null,
    amount_subtotal: setup ? null : totals.subtotal,
    amount_total: setup ? null : totals.total,
    billing_address_collection: params.billing_address_collection ?? null,
    cancel_url: params.cancel_url ?? null,
    client_reference_id: params.client_reference_id ?? null,
    client_secret: hosted ? null : `${id}_secret_${randomText(40)}`,
    collected_information: { business_name: null, individual_name: null, shipping_details: null },
    consent: null,
    created: ctx.now(),
    currency,
    currency_conversion: null,
    custom_text: {
      after_submit: texts.after_submit ?? null,
      shipping_address: texts.shipping_address ?? null,
      submit: texts.submit ?? null,
      terms_of_service_acceptance: texts.terms_of_service_acceptance ?? null,
    },
    customer: customer?.id ?? null,
    customer_account: null,
    customer_creation: customerCreation(params),
    customer_details: knownDetails(params, customer),
    customer_email: params.customer_email ?? null,
    discounts: setup
      ? null
      : (params.discounts ?? []).map((given) => ({
          coupon: given.coupon ?? null,
          promotion_code: given.promotion_code ?? null,
        })),
    expires_at: params.expires_at ?? ctx.now() + 86_400,
    integration_identifier: params.integration_identifier ?? null,
    invoice: null,
    invoice_creation: invoiceCreation(params),
    livemode: false,
    locale: params.locale ?? null,
    managed_payments: { enabled: false },
    metadata: metadataOf(params.metadata),
    mode: params.mode,
    origin_context: params.origin_context ?? null,
    payment_intent: null,
    payment_link: null,
    payment_method_collection:
      params.payment_method_collection ?? (params.mode === 'payment' ? 'if_required' : 'always'),
    payment_method_configuration_details:
      params.payment_method_types === undefined
        ? { id: 'pmc_emulator_default', parent: null }
        : null,
    payment_method_options: { card: { request_three_d_secure: 'automatic' } },
    payment_method_types: typesOf(params, currency),
    payment_status: setup || totals.total === 0 ? 'no_payment_required' : 'unpaid',
    permissions: null,
    phone_number_collection: { enabled: params.phone_number_collection?.enabled ?? false },
    recovered_from: null,
    ...(hosted
      ? {}
      : {
          redirect_on_completion: params.redirect_on_completion ?? 'always',
          return_url: params.return_url,
        }),
    setup_intent: null,
    shipping_cost: shippingCost(shipping),
    shipping_options: shipping,
    status: 'open',
    submit_type: params.submit_type ?? null,
    subscription: null,
    success_url: params.success_url ?? null,
    total_details: setup
      ? null
      : {
          amount_discount: totals.discount,
          amount_shipping: totals.shipping,
          amount_tax: totals.tax,
        },
    ui_mode: uiMode,
    url: hosted ? `${ctx.baseUrl}/c/pay/${id}` : null,
    wallet_options: null,
  };
}
