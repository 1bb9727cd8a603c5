import { ACCOUNT_FORMS } from './account-acts.ts';
import type { ActForm } from './act-form.ts';
import { MONEY_FORMS } from './money-acts.ts';
import { SUBSCRIPTION_FORMS } from './subscription-acts.ts';

/** Every act that an operator has a form for. */
export const ACT_FORMS: readonly ActForm[] = [
  ...SUBSCRIPTION_FORMS,
  ...MONEY_FORMS,
  ...ACCOUNT_FORMS,
];

export function actNamed(name: string): ActForm | null {
  return ACT_FORMS.find((act) => act.name === name) ?? null;
}

/** What the account's page says of an act that was done, by its code in the address. */
export const ACT_NOTICES: Record<string, () => string> = Object.fromEntries(
  ACT_FORMS.map(({ name, done }) => [`act-${name}`, () => done]),
);
