import type Stripe from 'stripe';
import { wordsOf } from './words-of.ts';

/** Kinds of payment methods. */
export const METHOD_TYPES = wordsOf<Stripe.PaymentMethodCreateParams.Type>()(
  'acss_debit affirm afterpay_clearpay alipay alma amazon_pay au_becs_debit bacs_debit',
  'bancontact billie bizum blik boleto card cashapp crypto custom customer_balance eps fpx',
  'giropay grabpay ideal kakao_pay klarna konbini kr_card link mb_way mobilepay multibanco',
  'naver_pay nz_bank_account oxxo p24 pay_by_bank payco paynow paypal paypay payto pix',
  'promptpay revolut_pay samsung_pay satispay scalapay sepa_debit sequra sofort sunbit swish',
  'twint upi us_bank_account wechat_pay zip',
);

/** Kinds that an intent can be restricted to. */
export const ALLOWED_METHOD_TYPES =
  wordsOf<Stripe.PaymentIntentCreateParams.AllowedPaymentMethodType>()(
    'acss_debit affirm afterpay_clearpay alipay alma amazon_pay au_becs_debit bacs_debit',
    'bancontact billie bizum blik boku_promptpay boleto capchase_pay card card_present cashapp',
    'check_scan click_to_pay crypto customer_balance demo_pay duitnow dummy_auth_push',
    'dummy_passthrough_card edenred eps fpx gcash getbalance gift_card giropay gopay grabpay',
    'id_bank_transfer ideal interac_present kakao_pay klarna knet konbini kr_card kr_market kriya',
    'link mb_way mobilepay momo mondu multibanco naver_pay netbanking ng_bank ng_bank_transfer',
    'ng_card ng_market ng_ussd ng_wallet nz_bank_account octopus oxxo p24 paper_check pay_by_bank',
    'payco paynow paypal paypay payto pix promptpay qris rechnung revolut_pay samsung_pay',
    'satispay scalapay sepa_debit sequra shop_pay shopeepay sofort south_korea_market',
    'stripe_balance sunbit swish tamara test_pay touch_n_go truemoney twint upi us_bank_account',
    'us_cash_voucher vipps wechat_pay wero zip',
  );

/** Kinds that invoices and subscriptions can name. */
export const INVOICE_METHOD_TYPES =
  wordsOf<Stripe.SubscriptionCreateParams.PaymentSettings.PaymentMethodType>()(
    'ach_credit_transfer ach_debit acss_debit affirm alipay amazon_pay au_becs_debit bacs_debit',
    'bancontact billie blik boleto card cashapp crypto custom customer_balance eps fpx giropay',
    'grabpay ideal jp_credit_transfer kakao_pay klarna konbini kr_card link mb_way multibanco',
    'naver_pay nz_bank_account p24 pay_by_bank payco paynow paypal payto pix promptpay',
    'revolut_pay satispay sepa_credit_transfer sepa_debit sequra sofort swish twint upi',
    'us_bank_account wechat_pay',
  );

/** Kinds that payment links can name. */
export const LINK_METHOD_TYPES = wordsOf<Stripe.PaymentLinkCreateParams.PaymentMethodType>()(
  'affirm afterpay_clearpay alipay alma au_becs_debit bacs_debit bancontact billie bizum blik',
  'boleto card cashapp eps fpx giropay grabpay ideal klarna konbini link mb_way mobilepay',
  'multibanco oxxo p24 pay_by_bank paynow paypal paypay payto pix promptpay satispay scalapay',
  'sepa_debit sequra sofort sunbit swish twint upi us_bank_account wechat_pay zip',
);
