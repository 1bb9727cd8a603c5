import { TEST_CARDS, type TestCard } from '../payments/cards.ts';
import { html, type Markup } from './html.ts';

/** The cards worth offering on a page, in the order a tester wants them. */
const OFFERED = [
  'visa',
  'authenticationRequired',
  'authenticationRequiredOnSetup',
  'chargeCustomerFail',
  'visa_chargeDeclined',
  'visa_chargeDeclinedInsufficientFunds',
  'chargeDeclinedExpiredCard',
  'chargeDeclinedIncorrectCvc',
  'chargeDeclinedProcessingError',
  'authenticationRequiredChargeDeclinedInsufficientFunds',
  'authenticationRequiredSetupForOffSession',
  'createDispute',
];

const offered = OFFERED.flatMap((name) => TEST_CARDS.filter((card) => card.names.includes(name)));

const grouped = (number: string): string => number.replaceAll(/(\d{4})(?=\d)/g, '$1 ');

const withFill = (target: string, number: string): string =>
  `${target}${target.includes('?') ? '&' : '?'}fill=${number}#number`;

const entry = (card: TestCard, target: string): Markup =>
  html`<li>
    <a href="${withFill(target, card.number)}" data-fill="${card.number}">
      <span>${grouped(card.number)}</span><span>${card.title}</span>
    </a>
  </li>`;

/** The list of test cards; a click fills the form (without code, the page comes back filled). */
export const testCards = (target: string): Markup =>
  html`<details open>
    <summary>Test cards</summary>
    <p class="hint">
      Choose one to fill the form. Any future expiry and any security code will do.
    </p>
    <ul class="cards">
      ${offered.map((card) => entry(card, target))}
    </ul>
  </details>`;

/** What a person typed into the payment form, as it came. */
export interface PaymentEntry {
  method: string;
  email: string;
  name: string;
  number: string;
  expiry: string;
  cvc: string;
  iban: string;
}

export const emptyEntry: PaymentEntry = {
  method: 'card',
  email: '',
  name: '',
  number: '',
  expiry: '',
  cvc: '',
  iban: '',
};

/** Fills in what a click on a test card stands for. */
export const filled = (entryNow: PaymentEntry, number: string): PaymentEntry => ({
  ...entryNow,
  method: 'card',
  number: grouped(number.replaceAll(/\D/g, '').slice(0, 19)),
  expiry: '12 / 34',
  cvc: '123',
});

/** Which field an error is about, for `aria-invalid`. */
export interface FormError {
  field: string | null;
  message: string;
}

interface TextField {
  id: keyof PaymentEntry | `custom_${string}`;
  label: string;
  value: string;
  hint?: string;
  autocomplete: string;
  inputmode?: string;
  placeholder?: string;
  type?: string;
  required?: boolean;
}

/** A labelled text field, marked when the error is about it. */
export function textField(field: TextField, error: FormError | null): Markup {
  const wrong = error?.field === field.id;
  const hint =
    field.hint === undefined
      ? false
      : html`<span class="hint" id="${field.id}-hint">${field.hint}</span>`;
  return html`<div class="field">
    <label for="${field.id}">${field.label}</label>
    <input
      id="${field.id}"
      name="${field.id}"
      type="${field.type ?? 'text'}"
      value="${field.value}"
      autocomplete="${field.autocomplete}"
      inputmode="${field.inputmode ?? 'text'}"
      placeholder="${field.placeholder ?? ''}"
      ${field.required === true && html`required`}
      ${wrong && html`aria-invalid="true" aria-describedby="error"`}
      ${!wrong && hint !== false && html`aria-describedby="${field.id}-hint"`}
    />
    ${hint}
  </div>`;
}

/** Number, expiry, code and name of a card. */
export const cardFields = (values: PaymentEntry, error: FormError | null): Markup =>
  html`<div class="for-card">
    ${textField(
      {
        id: 'number',
        label: 'Card number',
        value: values.number,
        autocomplete: 'cc-number',
        inputmode: 'numeric',
        placeholder: '4242 4242 4242 4242',
      },
      error,
    )}
    <div class="pair">
      ${textField({ id: 'expiry', label: 'Expiry', value: values.expiry, autocomplete: 'cc-exp', inputmode: 'numeric', placeholder: 'MM / YY' }, error)}
      ${textField({ id: 'cvc', label: 'Security code', value: values.cvc, autocomplete: 'cc-csc', inputmode: 'numeric', placeholder: 'CVC' }, error)}
    </div>
  </div>`;

const METHOD_NAMES: Readonly<Record<string, string>> = {
  card: 'Card',
  sepa_debit: 'SEPA Direct Debit',
};

const methodChoice = (type: string, chosen: string): Markup =>
  html`<label class="choice" for="method-${type}">
    <input
      type="radio"
      id="method-${type}"
      name="method"
      value="${type}"
      ${type === chosen && html`checked`}
    />
    ${METHOD_NAMES[type] ?? type}
  </label>`;

/** Card and, where the session takes it, direct debit fields. */
export function methodFields(
  types: readonly string[],
  values: PaymentEntry,
  error: FormError | null,
): Markup {
  const offeredTypes = types.filter((type) => type in METHOD_NAMES);
  if (!offeredTypes.includes('sepa_debit')) return cardFields(values, error);
  const chosen = offeredTypes.includes(values.method) ? values.method : (offeredTypes[0] ?? 'card');
  return html`<fieldset>
      <legend>Payment method</legend>
      ${offeredTypes.map((type) => methodChoice(type, chosen))}
    </fieldset>
    ${offeredTypes.includes('card') && cardFields(values, error)}
    <div class="for-debit">
      ${textField(
        {
          id: 'iban',
          label: 'IBAN',
          value: values.iban,
          autocomplete: 'off',
          placeholder: 'AT61 1904 3002 3457 3201',
          hint: 'AT611904300234573201 succeeds, AT861904300235473202 fails.',
        },
        error,
      )}
    </div>`;
}
