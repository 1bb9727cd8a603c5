import { createHash } from 'node:crypto';
import { DECLINES, type Decline } from './declines.ts';

export type CardBrand = 'visa' | 'mastercard' | 'amex' | 'discover' | 'diners' | 'jcb' | 'unionpay';
export type DisputeKind = 'fraudulent' | 'product_not_received' | 'inquiry';
/** When the bank wants the holder to authenticate: never, until it was set up once, on session only, or always. */
export type Authentication = 'never' | 'unless_set_up' | 'on_session' | 'always';

/** One published test card and what the issuing bank does with it. */
export interface TestCard {
  number: string;
  /** Names behind `pm_card_` and `tok_`, the usual one first. */
  names: readonly string[];
  title: string;
  brand: CardBrand;
  funding: 'credit' | 'debit' | 'prepaid';
  country: string;
  authentication: Authentication;
  onAttach: Decline | null;
  onCharge: Decline | null;
  dispute: DisputeKind | null;
  refund: 'succeeded' | 'pending' | 'failed';
}

type Row = Partial<TestCard> & Pick<TestCard, 'number' | 'names' | 'title'>;

const card = (row: Row): TestCard => ({
  brand: 'visa',
  funding: 'credit',
  country: 'US',
  authentication: 'never',
  onAttach: null,
  onCharge: null,
  dispute: null,
  refund: 'succeeded',
  ...row,
});

const paying = (number: string, name: string, rest: Partial<TestCard> = {}): TestCard =>
  card({ number, names: [name], title: 'Succeeds', ...rest });

/** A card whose bank refuses everything, also being saved to a customer. */
const refusing = (number: string, names: readonly string[], why: Decline): TestCard =>
  card({ number, names, title: why.message, onAttach: why, onCharge: why });

const challenged = (row: Row): TestCard => card({ authentication: 'always', ...row });

/** Stripe's published test cards; the first of each number answers a look-up by number. */
export const TEST_CARDS: readonly TestCard[] = [
  paying('4242424242424242', 'visa'),
  paying('4000056655665556', 'visa_debit', { funding: 'debit' }),
  paying('5555555555554444', 'mastercard', { brand: 'mastercard' }),
  paying('2223003122003222', 'mastercard_2series', { brand: 'mastercard' }),
  paying('5200828282828210', 'mastercard_debit', { brand: 'mastercard', funding: 'debit' }),
  paying('5105105105105100', 'mastercard_prepaid', { brand: 'mastercard', funding: 'prepaid' }),
  paying('371449635398431', 'amex', { brand: 'amex' }),
  paying('378282246310005', 'amex_first', { brand: 'amex' }),
  paying('6011000990139424', 'discover', { brand: 'discover' }),
  paying('6011111111111117', 'discover_first', { brand: 'discover' }),
  paying('3056930009020004', 'diners', { brand: 'diners' }),
  paying('3566002020360505', 'jcb', { brand: 'jcb' }),
  paying('6200000000000005', 'unionpay', { brand: 'unionpay' }),
  paying('4000000760000002', 'br', { country: 'BR' }),
  paying('4000001240000000', 'ca', { country: 'CA' }),
  paying('4000004840008001', 'mx', { country: 'MX' }),
  paying('4000000400000008', 'at', { country: 'AT' }),
  paying('4000000560000004', 'be', { country: 'BE' }),
  paying('4000002760000016', 'de', { country: 'DE' }),
  paying('4000007240000007', 'es', { country: 'ES' }),
  paying('4000002500000003', 'fr', { country: 'FR' }),
  paying('4000008260000000', 'gb', { country: 'GB' }),
  paying('4000003720000005', 'ie', { country: 'IE' }),
  paying('4000005280000002', 'nl', { country: 'NL' }),
  paying('4000000360000006', 'au', { country: 'AU' }),
  paying('4000003920000003', 'jp', { country: 'JP' }),
  paying('4000000000000077', 'bypassPending'),
  refusing(
    '4000000000000002',
    ['visa_chargeDeclined', 'chargeDeclined', 'chargeDeclinedGeneric'],
    DECLINES.generic,
  ),
  refusing(
    '4000000000009995',
    ['visa_chargeDeclinedInsufficientFunds', 'chargeDeclinedInsufficientFunds'],
    DECLINES.insufficientFunds,
  ),
  refusing(
    '4000000000009987',
    ['visa_chargeDeclinedLostCard', 'chargeDeclinedLostCard'],
    DECLINES.lostCard,
  ),
  refusing(
    '4000000000009979',
    ['visa_chargeDeclinedStolenCard', 'chargeDeclinedStolenCard'],
    DECLINES.stolenCard,
  ),
  refusing(
    '4000000000000069',
    ['chargeDeclinedExpiredCard', 'visa_chargeDeclinedExpiredCard'],
    DECLINES.expiredCard,
  ),
  refusing(
    '4000000000000127',
    ['chargeDeclinedIncorrectCvc', 'visa_chargeDeclinedIncorrectCvc'],
    DECLINES.incorrectCvc,
  ),
  refusing(
    '4000000000000119',
    ['chargeDeclinedProcessingError', 'visa_chargeDeclinedProcessingError'],
    DECLINES.processingError,
  ),
  refusing(
    '4000000000006975',
    ['visa_chargeDeclinedVelocityLimitExceeded', 'chargeDeclinedVelocityLimitExceeded'],
    DECLINES.velocity,
  ),
  refusing(
    '4100000000000019',
    ['radarBlock', 'chargeDeclinedFraudulent', 'visa_chargeDeclinedFraudulent'],
    DECLINES.fraudulent,
  ),
  card({
    number: '4000000000000341',
    names: ['chargeCustomerFail', 'visa_chargeCustomerFail'],
    title: 'Can be saved, every later charge fails',
    onCharge: DECLINES.generic,
  }),
  challenged({
    number: '4000002500003155',
    names: ['authenticationRequiredOnSetup'],
    title: 'Authentication unless it was set up before',
    country: 'FR',
    authentication: 'unless_set_up',
  }),
  challenged({
    number: '4000002760003184',
    names: ['authenticationRequired'],
    title: 'Authentication on every payment',
    country: 'DE',
  }),
  challenged({
    number: '4000003800000446',
    names: ['authenticationRequiredSetupForOffSession'],
    title: 'Authentication on session, off-session payments succeed',
    country: 'PT',
    authentication: 'on_session',
  }),
  challenged({
    number: '4000008260003178',
    names: ['authenticationRequiredChargeDeclinedInsufficientFunds'],
    title: 'Authentication, then declined for insufficient funds',
    country: 'GB',
    onCharge: DECLINES.insufficientFunds,
  }),
  challenged({
    number: '4000000000003220',
    names: ['threeDSecure2Required'],
    title: '3D Secure 2 must be completed',
  }),
  challenged({
    number: '4000000000003063',
    names: ['threeDSecureRequired'],
    title: '3D Secure must be completed',
  }),
  challenged({
    number: '4000008400001629',
    names: ['threeDSecureRequiredChargeDeclined'],
    title: '3D Secure, then declined',
    onCharge: DECLINES.generic,
  }),
  challenged({
    number: '4000008400001280',
    names: ['threeDSecureRequiredProcessingError'],
    title: '3D Secure, then a processing error',
    onCharge: DECLINES.processingError,
  }),
  paying('4000000000003055', 'threeDSecureOptional'),
  card({
    number: '4000000000000259',
    names: ['createDispute', 'visa_createDispute'],
    title: 'Succeeds, then disputed as fraudulent',
    dispute: 'fraudulent',
  }),
  card({
    number: '4000000000002685',
    names: ['createDisputeProductNotReceived'],
    title: 'Succeeds, then disputed as not received',
    dispute: 'product_not_received',
  }),
  card({
    number: '4000000000001976',
    names: ['createDisputeInquiry'],
    title: 'Succeeds, then an inquiry is opened',
    dispute: 'inquiry',
  }),
  card({
    number: '4000000000007726',
    names: ['pendingRefund'],
    title: 'A refund stays pending, then succeeds',
    refund: 'pending',
  }),
  card({
    number: '4000000000005126',
    names: ['refundFail'],
    title: 'A refund succeeds, then fails',
    refund: 'failed',
  }),
];

const byNumber = new Map(TEST_CARDS.map((each) => [each.number, each]));
const byName = new Map(TEST_CARDS.flatMap((each) => each.names.map((name) => [name, each])));

/** The test card with this number (blanks and dashes are ignored), if it is a known one. */
export const cardByNumber = (number: string): TestCard | undefined =>
  byNumber.get(number.replaceAll(/[\s-]/g, ''));

/** The test card behind `pm_card_visa` or `tok_visa`, if there is one. */
export function cardByToken(token: string): TestCard | undefined {
  const name = /^(?:pm_card|tok)_(.+)$/.exec(token)?.[1];
  return name === undefined ? undefined : byName.get(name);
}

/** Stripe gives one card the same fingerprint wherever it appears in an account. */
export const fingerprintOf = (identity: string): string =>
  createHash('sha256')
    .update(`stripe-emulator/${identity}`)
    .digest('base64')
    .replaceAll(/[^A-Za-z0-9]/g, '')
    .slice(0, 16);

const byFingerprint = new Map(TEST_CARDS.map((each) => [fingerprintOf(each.number), each]));

/** The test card with this fingerprint: a saved payment method is recognised by it. */
export const cardByFingerprint = (fingerprint: string | null | undefined): TestCard | undefined =>
  byFingerprint.get(fingerprint ?? '');

/** The check digit rule of card numbers. */
export function passesLuhn(number: string): boolean {
  if (!/^\d{12,19}$/.test(number)) return false;
  const digits = number.split('').toReversed().map(Number);
  const sum = digits.reduce((total, digit, index) => {
    const doubled = index % 2 === 1 ? digit * 2 : digit;
    return total + (doubled > 9 ? doubled - 9 : doubled);
  }, 0);
  return sum % 10 === 0;
}
