import type Stripe from 'stripe';
import type { Context } from '../../kernel/context.ts';
import type { FormError } from '../../pages/test-cards-view.ts';

type Session = Stripe.Checkout.Session;
type CustomField = Session['custom_fields'][number];

/** The name of a session's own field in its form. */
export const fieldName = (key: string): `custom_${string}` => `custom_${key}`;

const detailOf = (field: CustomField) => field.text ?? field.numeric ?? field.dropdown;

/** What the page shows in a field before anything is typed. */
export const startOf = (field: CustomField): string => detailOf(field)?.default_value ?? '';

/** Keeps what was typed into the session's own fields for its end; gives what is wrong with it, or null. */
export function keepFields(
  ctx: Context,
  session: Session,
  form: URLSearchParams,
): FormError | null {
  const typed: Record<string, string> = {};
  for (const field of session.custom_fields) {
    const name = fieldName(field.key);
    const value = (form.get(name) ?? '').trim();
    const problem = problemOf(field, value);
    if (problem !== null) return { field: name, message: problem };
    if (value !== '') typed[field.key] = value;
  }
  ctx.note('checkout.session', session.id)['fields'] = JSON.stringify(typed);
  return null;
}

function problemOf(field: CustomField, value: string): string | null {
  const label = field.label.custom ?? field.key;
  if (value === '') return field.optional ? null : `Please fill in “${label}”.`;
  if (field.type === 'numeric' && !/^\d+$/.test(value)) return `“${label}” takes digits only.`;
  const limits = field.text ?? field.numeric;
  const least = limits?.minimum_length ?? 0;
  const most = limits?.maximum_length ?? 255;
  if (value.length < least || value.length > most)
    return `“${label}” takes ${least} to ${most} characters.`;
  const options = field.dropdown?.options;
  return options === undefined || options.some((option) => option.value === value)
    ? null
    : `Please choose one of the options of “${label}”.`;
}

/** The session's own fields with what was typed into them. */
export function answeredFields(ctx: Context, session: Session): CustomField[] {
  const text = ctx.note('checkout.session', session.id)['fields'];
  const typed: Record<string, string> = typeof text === 'string' ? JSON.parse(text) : {};
  return session.custom_fields.map((field) => {
    const value = typed[field.key] ?? null;
    return {
      ...field,
      ...(field.text === undefined ? {} : { text: { ...field.text, value } }),
      ...(field.numeric === undefined ? {} : { numeric: { ...field.numeric, value } }),
      ...(field.dropdown === undefined ? {} : { dropdown: { ...field.dropdown, value } }),
    };
  });
}
