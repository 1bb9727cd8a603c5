import { p, type Values } from '../kernel/params.ts';
import { automaticTaxParam } from '../taxes/automatic.ts';
import { shippingRateFields } from './shipping-rates.ts';
import { FONT_FAMILIES, SHIPPING_COUNTRIES } from '../kernel/word-sets.ts';

const limits = p.obj({ default_value: p.str, maximum_length: p.int, minimum_length: p.int });
const customField = p.obj({
  dropdown: p.obj({
    default_value: p.str,
    options: p.required(p.arr(p.obj({ label: p.required(p.str), value: p.required(p.str) }))),
  }),
  key: p.required(p.str),
  label: p.required(p.obj({ custom: p.required(p.str), type: p.required(p.oneOf(['custom'])) })),
  numeric: limits,
  optional: p.bool,
  text: limits,
  type: p.required(p.oneOf(['dropdown', 'numeric', 'text'])),
});
const asked = p.obj({ enabled: p.required(p.bool), optional: p.bool });

/** What a session lets its page ask, offer and show: parameters that the session answers again. */
export const CHOICES = {
  after_expiration: p.obj({
    recovery: p.obj({ allow_promotion_codes: p.bool, enabled: p.required(p.bool) }),
  }),
  automatic_tax: automaticTaxParam,
  branding_settings: p.obj({
    background_color: p.clearable(p.str),
    border_style: p.clearable(p.oneOf(['pill', 'rectangular', 'rounded'])),
    button_color: p.clearable(p.str),
    display_name: p.str,
    font_family: p.clearable(p.oneOf(FONT_FAMILIES)),
    icon: p.harmless,
    logo: p.harmless,
  }),
  consent_collection: p.obj({
    payment_method_reuse_agreement: p.obj({
      position: p.required(p.oneOf(['auto', 'hidden'])),
    }),
    promotions: p.oneOf(['auto', 'none']),
    terms_of_service: p.oneOf(['none', 'required']),
  }),
  custom_fields: p.arr(customField),
  name_collection: p.obj({ business: asked, individual: asked }),
  saved_payment_method_options: p.obj({
    allow_redisplay_filters: p.arr(p.oneOf(['always', 'limited', 'unspecified'])),
    payment_method_remove: p.oneOf(['disabled', 'enabled']),
    payment_method_save: p.oneOf(['disabled', 'enabled']),
  }),
  shipping_address_collection: p.obj({
    allowed_countries: p.required(p.arr(p.oneOf(SHIPPING_COUNTRIES))),
  }),
  shipping_options: p.arr(
    p.obj({ shipping_rate: p.str, shipping_rate_data: p.obj(shippingRateFields) }),
  ),
  tax_id_collection: p.obj({
    enabled: p.required(p.bool),
    required: p.oneOf(['if_supported', 'never']),
  }),
};
export type Choices = Partial<Values<typeof CHOICES>>;
