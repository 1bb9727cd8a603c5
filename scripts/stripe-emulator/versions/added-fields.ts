/**
 * The fields that versions added: objects are shown to an older version without them. By date of the version, then by object;
 * a path goes through objects by dots and through arrays by `[]`.
 */
export const ADDED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  '2022-08-01': {
    'billing_portal.configuration': 'login_page',
    'checkout.session':
      'consent.terms_of_service consent_collection.terms_of_service created payment_method_collection shipping_cost shipping_details',
    invoice: 'from_invoice latest_revision',
    payment_link:
      'consent_collection.terms_of_service currency payment_method_collection subscription_data.description',
    quote: 'subscription_data.description',
    subscription: 'on_behalf_of payment_settings.payment_method_options.card.network',
    subscription_schedule:
      'default_settings.description default_settings.on_behalf_of phases[].description phases[].on_behalf_of',
  },
  '2022-11-15': {
    'billing_portal.session': 'flow flow.subscription_update flow.subscription_update_confirm',
    cash_balance: 'settings.using_merchant_default',
    charge: 'payment_method_details.card.network_token',
    'checkout.session':
      'currency_conversion custom_fields custom_fields[].numeric.maximum_length custom_fields[].numeric.minimum_length custom_fields[].text.maximum_length custom_fields[].text.minimum_length custom_text invoice invoice_creation shipping_cost.taxes[].taxability_reason shipping_cost.taxes[].taxable_amount total_details.breakdown.taxes[].taxability_reason total_details.breakdown.taxes[].taxable_amount',
    credit_note:
      'amount_shipping effective_at shipping_cost shipping_cost.taxes[].taxability_reason shipping_cost.taxes[].taxable_amount tax_amounts[].taxability_reason tax_amounts[].taxable_amount',
    invoice:
      'amount_shipping effective_at shipping_cost shipping_cost.taxes[].taxability_reason shipping_cost.taxes[].taxable_amount shipping_details subscription_details total_tax_amounts[].taxability_reason total_tax_amounts[].taxable_amount',
    item: 'taxes[].taxability_reason taxes[].taxable_amount',
    payment_intent: 'automatic_payment_methods.allow_redirects',
    payment_link:
      'custom_fields custom_fields[].numeric custom_fields[].text custom_text invoice_creation',
    quote:
      'computed.recurring.total_details.breakdown.taxes[].taxability_reason computed.recurring.total_details.breakdown.taxes[].taxable_amount computed.upfront.total_details.breakdown.taxes[].taxability_reason computed.upfront.total_details.breakdown.taxes[].taxable_amount total_details.breakdown.taxes[].taxability_reason total_details.breakdown.taxes[].taxable_amount',
    setup_attempt:
      'payment_method_details.card.brand payment_method_details.card.checks payment_method_details.card.country payment_method_details.card.description payment_method_details.card.exp_month payment_method_details.card.exp_year payment_method_details.card.fingerprint payment_method_details.card.funding payment_method_details.card.iin payment_method_details.card.issuer payment_method_details.card.last4 payment_method_details.card.network payment_method_details.card.wallet',
    setup_intent: 'automatic_payment_methods automatic_payment_methods.allow_redirects',
    subscription: 'cancellation_details trial_settings',
    subscription_schedule: 'phases[].items[].metadata',
  },
  '2023-08-16': {
    'billing_portal.session': 'flow.subscription_cancel.retention',
    charge:
      'payment_method_details.card.amount_authorized payment_method_details.card.extended_authorization payment_method_details.card.incremental_authorization payment_method_details.card.multicapture payment_method_details.card.overcapture',
    'checkout.session':
      'client_secret custom_text.terms_of_service_acceptance payment_method_configuration_details redirect_on_completion return_url ui_mode',
    customer_cash_balance_transaction: 'adjusted_for_overdraft.balance_transaction',
    invoice:
      'payment_settings.payment_method_options.us_bank_account.financial_connections.prefetch rendering',
    payment_intent:
      'payment_method_configuration_details payment_method_options.card.request_extended_authorization payment_method_options.card.request_incremental_authorization payment_method_options.card.request_multicapture payment_method_options.card.request_overcapture',
    payment_link:
      'application custom_text.terms_of_service_acceptance payment_intent_data.metadata payment_intent_data.statement_descriptor payment_intent_data.statement_descriptor_suffix subscription_data.metadata',
    product: 'features',
    setup_intent: 'payment_method_configuration_details',
    subscription:
      'payment_settings.payment_method_options.us_bank_account.financial_connections.prefetch',
  },
  '2023-10-16': {
    card: 'networks',
    charge:
      'payment_method_details.card.capture_before payment_method_details.card.three_d_secure.electronic_commerce_indicator payment_method_details.card.three_d_secure.exemption_indicator payment_method_details.card.three_d_secure.exemption_indicator_applied payment_method_details.card.three_d_secure.transaction_id',
    'checkout.session':
      'automatic_tax.liability consent_collection.payment_method_reuse_agreement custom_text.after_submit invoice_creation.invoice_data.issuer payment_method_options.card.request_three_d_secure',
    discount: 'subscription_item',
    invoice: 'automatic_tax.liability issuer payment_settings.payment_method_options.sepa_debit',
    payment_intent: 'payment_method_options.card.require_cvc_recollection',
    payment_link:
      'automatic_tax.liability consent_collection.payment_method_reuse_agreement custom_text.after_submit inactive_message invoice_creation.invoice_data.issuer payment_intent_data.description payment_intent_data.transfer_group restrictions subscription_data.invoice_settings subscription_data.trial_settings',
    payment_method: 'card.display_brand',
    price: 'recurring.meter',
    quote: 'automatic_tax.liability invoice_settings.issuer subscription_data.metadata',
    refund: 'destination_details',
    setup_attempt:
      'payment_method_details.card.three_d_secure.electronic_commerce_indicator payment_method_details.card.three_d_secure.transaction_id',
    subscription:
      'automatic_tax.liability billing_cycle_anchor_config discounts payment_settings.payment_method_options.sepa_debit',
    subscription_item: 'discounts',
    subscription_schedule:
      'default_settings.automatic_tax.liability default_settings.invoice_settings.account_tax_ids default_settings.invoice_settings.issuer phases[].add_invoice_items[].discounts phases[].automatic_tax.liability phases[].discounts phases[].invoice_settings.account_tax_ids phases[].invoice_settings.issuer phases[].items[].discounts',
  },
  '2024-04-10': {
    'checkout.session':
      'custom_fields[].dropdown.default_value custom_fields[].numeric.default_value custom_fields[].text.default_value saved_payment_method_options saved_payment_method_options.payment_method_remove',
    payment_method: 'allow_redisplay',
    payout: 'application_fee application_fee_amount',
    subscription: 'invoice_settings',
  },
  '2024-06-20': {
    charge: 'payment_method_details.card.authorization_code',
    'checkout.session': 'tax_id_collection.required',
    customer: 'invoice_settings.rendering_options.template',
    dispute: 'payment_method_details.card.case_type',
    invoice:
      'automatically_finalizes_at payment_settings.payment_method_options.us_bank_account.financial_connections.filters rendering.template rendering.template_version',
    payment_link: 'tax_id_collection.required',
    subscription:
      'payment_settings.payment_method_options.us_bank_account.financial_connections.filters',
  },
  '2024-10-28': {
    'billing_portal.configuration': 'features.subscription_update.schedule_at_period_end',
    dispute:
      'enhanced_eligibility_types evidence.enhanced_evidence evidence_details.enhanced_eligibility',
  },
  '2024-11-20': {
    'checkout.session':
      'adaptive_pricing payment_method_options.card.request_extended_authorization payment_method_options.card.request_incremental_authorization payment_method_options.card.request_multicapture payment_method_options.card.request_overcapture',
    payout: 'trace_id',
  },
  '2024-12-18': {
    'billing.credit_balance_transaction': 'credit.credits_application_invoice_voided',
    card: 'allow_redisplay regulated_status',
    charge:
      'outcome.network_advice_code outcome.network_decline_code payment_method_details.card.network_transaction_id payment_method_details.card.regulated_status',
    invoice: 'automatic_tax.disabled_reason',
    payment_method: 'card.regulated_status',
    subscription: 'automatic_tax.disabled_reason',
    subscription_schedule:
      'default_settings.automatic_tax.disabled_reason phases[].automatic_tax.disabled_reason',
  },
  '2025-01-27': {
    charge: 'outcome.advice_code',
    'checkout.session': 'discounts',
  },
  '2025-02-24': {
    'billing.credit_grant': 'applicability_config.scope.prices priority',
    'checkout.session': 'collected_information payment_method_options.card.restrictions',
  },
  '2025-03-31': {
    charge: 'presentment_details',
    'checkout.session': 'optional_items permissions presentment_details',
    customer_balance_transaction: 'checkout_session',
    payment_intent: 'presentment_details',
    payment_link:
      'custom_fields[].dropdown.default_value custom_fields[].numeric.default_value custom_fields[].text.default_value optional_items',
    refund: 'presentment_details',
    subscription_item: 'current_period_end current_period_start',
  },
  '2025-04-30': {
    charge: 'billing_details.tax_id',
    'checkout.session': 'automatic_tax.provider wallet_options',
    invoice: 'automatic_tax.provider',
    quote: 'automatic_tax.provider',
    refund: 'pending_reason',
  },
  '2025-05-28': {
    balance_transaction: 'balance_type',
    credit_note: 'post_payment_amount pre_payment_amount',
  },
  '2025-06-30': {
    quote: 'subscription_data.billing_mode',
    subscription: 'billing_mode',
    subscription_schedule: 'billing_mode',
  },
  '2025-07-30': {
    'billing_portal.configuration': 'features.subscription_update.products[].adjustable_quantity',
    'checkout.session': 'invoice_creation.invoice_data.rendering_options.template origin_context',
    payment_link: 'invoice_creation.invoice_data.rendering_options.template',
  },
  '2025-08-27': {
    'billing_portal.configuration': 'name',
    payment_intent: 'excluded_payment_method_types',
    payout: 'payout_method',
    subscription_schedule:
      'phases[].add_invoice_items[].metadata phases[].add_invoice_items[].period',
  },
  '2025-09-30': {
    'billing_portal.configuration': 'features.subscription_update.trial_update_behavior',
    'checkout.session':
      'branding_settings customer_details.business_name customer_details.individual_name excluded_payment_method_types name_collection payment_method_options.card.capture_method',
    customer: 'business_name individual_name',
    invoiceitem: 'net_amount proration_details',
    quote: 'subscription_data.billing_mode.flexible',
    subscription: 'billing_mode.flexible',
    subscription_schedule: 'billing_mode.flexible',
  },
  '2025-10-29': {
    credit_note: 'refunds[].payment_record_refund refunds[].type',
    customer: 'tax.provider',
    invoice_payment: 'payment.payment_record',
    payment_intent:
      'amount_details.discount_amount amount_details.line_items amount_details.shipping amount_details.tax payment_details',
    payment_link: 'name_collection',
    setup_intent: 'excluded_payment_method_types',
  },
  '2025-11-17': {
    'billing_portal.configuration': 'features.payment_method_update.payment_method_configuration',
    payment_intent: 'hooks',
  },
  '2025-12-15': {
    'billing.credit_grant': 'customer_account',
    'billing_portal.configuration': 'features.subscription_update.billing_cycle_anchor',
    'billing_portal.session': 'customer_account',
    card: 'email phone',
    cash_balance: 'customer_account',
    'checkout.session': 'customer_account',
    credit_note: 'customer_account',
    customer: 'customer_account',
    customer_balance_transaction: 'customer_account',
    customer_cash_balance_transaction: 'customer_account',
    discount: 'customer_account',
    invoice: 'customer_account payment_settings.payment_method_options.payto',
    invoiceitem: 'customer_account',
    item: 'metadata',
    line_item: 'subtotal',
    payment_intent: 'customer_account',
    payment_method: 'customer_account',
    promotion_code: 'customer_account',
    quote: 'customer_account',
    setup_attempt: 'customer_account',
    setup_intent: 'customer_account',
    subscription: 'customer_account payment_settings.payment_method_options.payto',
    subscription_schedule: 'customer_account',
    tax_id: 'customer_account owner.customer_account',
  },
  '2026-01-28': {
    item: 'adjustable_quantity',
    payment_intent: 'amount_details.error',
  },
  '2026-03-25': {
    'checkout.session': 'integration_identifier',
    credit_note_line_item: 'metadata',
    invoiceitem: 'quantity_decimal',
    line_item: 'quantity_decimal',
  },
  '2026-04-22': {
    'checkout.session': 'managed_payments',
    invoice:
      'payment_settings.payment_method_options.pix payment_settings.payment_method_options.upi',
    mandate: 'multi_use.amount multi_use.currency',
    payment_intent: 'managed_payments shared_payment_granted_token',
    payment_link: 'managed_payments',
    payment_method: 'shared_payment_granted_token',
    product: 'tax_details',
    setup_attempt: 'payment_method_details.card.moto',
    setup_intent: 'managed_payments',
    subscription:
      'managed_payments payment_settings.payment_method_options.pix payment_settings.payment_method_options.upi',
  },
  '2026-05-27': {
    invoice: 'amount_paid_off_stripe',
    invoiceitem: 'proration_details.credited_items',
    payment_intent: 'transfer_data.description transfer_data.metadata transfer_data.payment_data',
    payment_link: 'payment_method_options',
    subscription:
      'billing_schedules pending_update.discount pending_update.discounts pending_update.metadata',
    subscription_item: 'billed_until',
    subscription_schedule: 'phases[].add_invoice_items[].discountable',
  },
  '2026-06-24': {
    charge: 'payment_method_details.card.transaction_link_id',
    subscription:
      'invoice_settings.custom_fields invoice_settings.description invoice_settings.footer',
  },
  '2026-07-29': {
    dispute: 'payment_method_details.card.network',
    payment_intent: 'allowed_payment_method_types',
    quote: 'invoice_settings.custom_fields invoice_settings.description invoice_settings.footer',
    refund: 'customer customer_account payment_method',
    setup_intent: 'allowed_payment_method_types',
    subscription_schedule:
      'default_settings.invoice_settings.custom_fields default_settings.invoice_settings.description default_settings.invoice_settings.footer phases[].invoice_settings.custom_fields phases[].invoice_settings.description phases[].invoice_settings.footer phases[].trial',
  },
  '2026-08-26': {
    'billing_portal.configuration':
      'features.subscription_cancel.cancellation_reason.feedback_options',
    'billing_portal.session': 'flow.customer_update',
    'checkout.session': 'payment_method_options.card.restrictions.funding_types_blocked',
    invoice: 'payment_settings.payment_method_options.billie',
    invoiceitem: 'frozen_fields invoicing_rules',
    subscription:
      'cancellation_details.feedback_option payment_settings.payment_method_options.billie trial_settings.end_behavior.billing_cycle_anchor',
    subscription_item: 'current_trial',
  },
  '2026-09-30': {
    charge: 'payment_method_details.card.electronic_commerce_indicator',
    'checkout.session': 'allowed_payment_method_types',
    invoice:
      'payment_settings.payment_method_options.billie.company_details payment_settings.payment_method_options.billie.reference payment_settings.payment_method_options.blik status_details',
    mandate: 'payment_method_details.card.india',
    payment_intent: 'payment_record',
    subscription:
      'payment_settings.payment_method_options.billie.company_details payment_settings.payment_method_options.blik pending_update.cancel_at_period_end status_details',
    subscription_schedule: 'pause_schedules',
  },
  '2026-10-28': {
    'billing_portal.configuration': 'features.subscription_pause',
    'billing_portal.session': 'after_expiration flow.subscription_pause',
    charge:
      'payment_method_details.card.setup_credential_usage payment_method_details.card.stored_credential_usage',
    dispute: 'evidence.appeal evidence_details.submission_method intended_submission_method',
    payment_intent:
      'payment_method_options.card.setup_credential_usage payment_method_options.card.stored_credential_usage',
    payment_link:
      'subscription_data.invoice_settings.account_tax_ids subscription_data.invoice_settings.custom_fields subscription_data.invoice_settings.description subscription_data.invoice_settings.footer',
    setup_intent: 'payment_method_options.card.setup_credential_usage',
  },
};
