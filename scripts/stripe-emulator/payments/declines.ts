/** Why a payment or a setup was refused, in the words that Stripe uses for it. */
export interface Decline {
  code: string;
  declineCode: string | null;
  message: string;
  param: string | null;
  advice: 'try_again_later' | 'do_not_try_again' | 'confirm_card_data' | null;
  networkCode: string | null;
  /** What the card network advises, as two digits. */
  networkAdvice: '01' | '02' | '03' | null;
  seller: string;
}

interface Wording {
  code?: string;
  declineCode?: string | null;
  message?: string;
  param?: string;
  advice?: Decline['advice'];
  networkCode?: string | null;
  networkAdvice?: Decline['networkAdvice'];
  seller?: string;
}

const decline = (wording: Wording): Decline => ({
  code: wording.code ?? 'card_declined',
  declineCode: wording.declineCode ?? null,
  message: wording.message ?? 'Your card was declined.',
  param: wording.param ?? null,
  advice: wording.advice === undefined ? 'try_again_later' : wording.advice,
  networkCode: wording.networkCode ?? null,
  networkAdvice: wording.networkAdvice ?? null,
  seller: wording.seller ?? 'The bank did not return any further details with this decline.',
});

/** The declines that Stripe's test cards produce, by the name used in the card table. */
export const DECLINES = {
  generic: decline({ declineCode: 'generic_decline', networkCode: '01' }),
  insufficientFunds: decline({
    declineCode: 'insufficient_funds',
    message: 'Your card has insufficient funds.',
    networkCode: '51',
    networkAdvice: '02',
    seller: 'The bank returned the decline code `insufficient_funds`.',
  }),
  lostCard: decline({
    declineCode: 'lost_card',
    advice: 'do_not_try_again',
    networkCode: '41',
    networkAdvice: '01',
    seller: 'The bank returned the decline code `lost_card`.',
  }),
  stolenCard: decline({
    declineCode: 'stolen_card',
    advice: 'do_not_try_again',
    networkCode: '43',
    networkAdvice: '01',
    seller: 'The bank returned the decline code `stolen_card`.',
  }),
  fraudulent: decline({
    declineCode: 'fraudulent',
    advice: 'do_not_try_again',
    seller: 'Stripe blocked this payment as too risky.',
  }),
  expiredCard: decline({
    code: 'expired_card',
    declineCode: 'expired_card',
    message: 'Your card has expired.',
    param: 'exp_month',
    advice: 'confirm_card_data',
    networkCode: '54',
    networkAdvice: '03',
    seller: 'The bank returned the decline code `expired_card`.',
  }),
  incorrectCvc: decline({
    code: 'incorrect_cvc',
    declineCode: 'incorrect_cvc',
    message: "Your card's security code is incorrect.",
    param: 'cvc',
    advice: 'confirm_card_data',
    networkCode: 'N7',
    networkAdvice: '03',
    seller: 'The bank returned the decline code `incorrect_cvc`.',
  }),
  processingError: decline({
    code: 'processing_error',
    declineCode: 'processing_error',
    message: 'An error occurred while processing your card. Try again in a little bit.',
    networkCode: '06',
    seller: 'The bank returned the decline code `processing_error`.',
  }),
  velocity: decline({
    declineCode: 'card_velocity_exceeded',
    message:
      'Your card was declined for making repeated attempts too frequently or exceeding its amount limit.',
    networkCode: '61',
    networkAdvice: '02',
    seller: 'The bank returned the decline code `card_velocity_exceeded`.',
  }),
  authenticationRequired: decline({
    code: 'authentication_required',
    declineCode: 'authentication_required',
    message: 'Your card was declined. This transaction requires authentication.',
    networkCode: '65',
    seller: 'The bank returned the decline code `authentication_required`.',
  }),
  testModeLiveCard: decline({
    declineCode: 'test_mode_live_card',
    message:
      'Your card was declined. Your request was in test mode, but used a non test (live) card. For a list of valid test cards, visit: https://stripe.com/docs/testing.',
    advice: null,
  }),
  incorrectNumber: decline({
    code: 'incorrect_number',
    message: 'Your card number is incorrect.',
    param: 'number',
    advice: null,
  }),
  paymentAuthenticationFailed: decline({
    code: 'payment_intent_authentication_failure',
    message:
      'The provided PaymentMethod has failed authentication. You can provide payment_method_data or a new PaymentMethod to attempt to fulfill this PaymentIntent again.',
    advice: null,
  }),
  setupAuthenticationFailed: decline({
    code: 'setup_intent_authentication_failure',
    message:
      'The latest attempt to set up the payment method has failed because authentication failed.',
    advice: null,
  }),
  debitFailed: decline({
    code: 'payment_intent_payment_attempt_failed',
    message: 'The payment failed.',
    advice: null,
    seller: 'The bank did not complete the debit.',
  }),
  bankInsufficientFunds: decline({
    code: 'payment_method_provider_decline',
    declineCode: 'insufficient_funds',
    message: "The customer's account has insufficient funds to cover this payment.",
    advice: null,
  }),
  bankAccountClosed: decline({
    code: 'account_closed',
    message: "The customer's bank account has been closed.",
    advice: null,
  }),
  debitNotAuthorized: decline({
    code: 'debit_not_authorized',
    message: 'The customer has notified their bank that this payment was unauthorized.',
    advice: null,
  }),
} as const satisfies Record<string, Decline>;

/** The documentation address that Stripe puts beside an error code. */
export const docUrlFor = (code: string): string =>
  `https://stripe.com/docs/error-codes/${code.replaceAll('_', '-')}`;
