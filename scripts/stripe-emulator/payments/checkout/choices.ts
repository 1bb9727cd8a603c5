import type Stripe from 'stripe';
import type { Context } from '../../kernel/context.ts';
import type { Choices } from '../../resources/checkout-choices.ts';
import { sessionTax } from '../../taxes/automatic.ts';

type Session = Stripe.Checkout.Session;
type CustomField = Session['custom_fields'][number];
type GivenField = NonNullable<Choices['custom_fields']>[number];

function lengths(given: GivenField['text']): NonNullable<CustomField['text']> {
  return {
    default_value: given?.default_value ?? null,
    maximum_length: given?.maximum_length ?? null,
    minimum_length: given?.minimum_length ?? null,
    value: null,
  };
}

function answerOf(given: GivenField): Partial<CustomField> {
  if (given.type === 'numeric') return { numeric: lengths(given.numeric) };
  if (given.type === 'text') return { text: lengths(given.text) };
  const { default_value = null, options = [] } = given.dropdown ?? {};
  return { dropdown: { default_value, options, value: null } };
}

/** A custom field as sessions show it before it is filled in. */
export const customField = (given: GivenField): CustomField => ({
  key: given.key,
  label: given.label,
  optional: given.optional ?? false,
  type: given.type,
  ...answerOf(given),
});

/** What the payer must agree to. */
export function consentOf(given: Choices['consent_collection']): Session['consent_collection'] {
  if (given === undefined) return null;
  return {
    payment_method_reuse_agreement: given.payment_method_reuse_agreement ?? null,
    promotions: given.promotions ?? 'none',
    terms_of_service: given.terms_of_service ?? 'none',
  };
}

function brandingOf(
  ctx: Context,
  given: Choices['branding_settings'],
): Session['branding_settings'] {
  return {
    background_color: given?.background_color ?? '#ffffff',
    border_style: given?.border_style ?? 'rounded',
    button_color: given?.button_color ?? '#0074d4',
    display_name: given?.display_name ?? ctx.settings.businessName,
    font_family: given?.font_family ?? 'default',
    icon: null,
    logo: null,
  };
}

function recoveryOf(given: Choices['after_expiration']): Session['after_expiration'] {
  if (given === undefined) return null;
  const { recovery } = given;
  if (recovery === undefined) return { recovery: null };
  return {
    recovery: {
      allow_promotion_codes: recovery.allow_promotion_codes ?? false,
      enabled: recovery.enabled,
      expires_at: null,
      url: null,
    },
  };
}

function savedMethodsOf(
  given: Choices['saved_payment_method_options'],
): Session['saved_payment_method_options'] {
  return {
    allow_redisplay_filters: given?.allow_redisplay_filters ?? ['always'],
    payment_method_remove: given?.payment_method_remove ?? 'disabled',
    payment_method_save: given?.payment_method_save ?? null,
  };
}

const nameOf = ({ enabled, optional }: { enabled: boolean; optional?: boolean }) => ({
  enabled,
  optional: optional ?? false,
});

/** What the page of a session asks, offers and shows, as the session answers it. */
export function choicesOf(
  ctx: Context,
  params: Choices,
  mode: { setup: boolean; known: boolean },
): Pick<
  Session,
  | 'after_expiration'
  | 'automatic_tax'
  | 'branding_settings'
  | 'consent_collection'
  | 'custom_fields'
  | 'name_collection'
  | 'saved_payment_method_options'
  | 'shipping_address_collection'
  | 'tax_id_collection'
> {
  const { name_collection: names, tax_id_collection: taxIds } = params;
  const asksToSave = params.saved_payment_method_options !== undefined;
  return {
    after_expiration: recoveryOf(params.after_expiration),
    automatic_tax: sessionTax(params.automatic_tax?.enabled ?? false, false),
    branding_settings: brandingOf(ctx, params.branding_settings),
    consent_collection: consentOf(params.consent_collection),
    custom_fields: (params.custom_fields ?? []).map(customField),
    saved_payment_method_options:
      !asksToSave && (mode.setup || !mode.known)
        ? null
        : savedMethodsOf(params.saved_payment_method_options),
    shipping_address_collection: params.shipping_address_collection ?? null,
    ...(names === undefined
      ? {}
      : {
          name_collection: {
            ...(names.business === undefined ? {} : { business: nameOf(names.business) }),
            ...(names.individual === undefined ? {} : { individual: nameOf(names.individual) }),
          },
        }),
    ...(taxIds === undefined
      ? {}
      : {
          tax_id_collection: { enabled: taxIds.enabled, required: taxIds.required ?? 'never' },
        }),
  };
}
