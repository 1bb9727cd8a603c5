import type { SubscriptionRow } from '../../../../db/subscriptions.ts';
import { parseMoney } from '../../../../state/money.ts';
import type { OperatorRole } from '../../../../state/roles.ts';
import type { Action } from '../../../../state/types.ts';
import { AppError } from '../../../http/errors.ts';
import type { Services } from '../../../lib/services.ts';
import type { AdminApi } from '../admin-api.ts';

/** The fields of a form by name; what was left empty is not there. */
export type Values = Readonly<Record<string, string>>;

export interface Field {
  name: string;
  label: string;
  type?: 'text' | 'number' | 'date' | 'textarea' | 'checkbox' | 'hidden';
  /** A choice: value and words. */
  options?: readonly (readonly [value: string, words: string])[];
  required?: boolean;
  hint?: string;
  /** What is there before anything is chosen. */
  value?: string;
}

/** The account that an act is for. */
export interface ActTarget {
  services: Services;
  accountId: string;
  customerId: string | null;
  subscription: SubscriptionRow | null;
  actions: readonly Action[];
}

export interface ActRequest {
  method?: 'POST' | 'PUT';
  /** Behind `/admin/api/accounts/:id/`, or a whole path. */
  path: string;
  body: object;
}

/** What an act is going to do, in words, before it is confirmed. */
export interface Shown {
  /** What is charged, returned or given: the line that is read first. */
  total: string;
  lines?: readonly (readonly [what: string, value: string])[];
  effects?: readonly string[];
  /** Sent with the confirmation: the price that was shown. */
  fields?: Values;
}

/** One act as a form: fields, what it would do, and what the admin API is asked for. */
export interface ActForm {
  name: string;
  title: string;
  /** On the button that does it. */
  button: string;
  role?: OperatorRole;
  fields: (target: ActTarget) => Field[];
  request: (values: Values, target: ActTarget) => ActRequest;
  /** Throws what the API refuses. */
  preview: (
    values: Values,
    context: { target: ActTarget; api: AdminApi },
  ) => Promise<Shown> | Shown;
  /** Told on the account's page. */
  done: string;
  /** An address in the answer, to be handed on to the customer. */
  link?: (answer: Record<string, unknown>) => string | null;
}

export function accountPath(accountId: string, rest = ''): string {
  return `/admin/accounts/${encodeURIComponent(accountId)}${rest}`;
}

export function apiPath({ accountId }: Pick<ActTarget, 'accountId'>, rest: string): string {
  if (rest.startsWith('/')) return rest;
  return `/admin/api/accounts/${encodeURIComponent(accountId)}/${rest}`;
}

/** An amount as it was typed, in minor units; throws 400 for what is none. */
export function amountIn(values: Values, name: string, currency: string): number {
  const amount = parseMoney(values[name] ?? '', currency);
  if (amount !== null && amount > 0) return amount;
  throw new AppError('invalid_request', `"${values[name] ?? ''}" is no amount in ${currency}.`);
}

/** A field that must be there. */
export function required(values: Values, name: string, label = name): string {
  const value = values[name];
  if (value !== undefined) return value;
  throw new AppError('invalid_request', `${label} is missing.`);
}

/** A whole number of at least 1; throws 400. */
export function countIn(values: Values, name: string): number {
  const text = values[name] ?? '';
  const number = Number(text);
  if (/^\d{1,7}$/.test(text) && number > 0) return number;
  throw new AppError('invalid_request', `"${text}" is no whole number.`);
}

/** The beginning (UTC) of a day as it was typed; throws 400. */
export function dayIn(values: Values, name: string): string {
  const text = values[name] ?? '';
  const at = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN;
  if (!Number.isNaN(at)) return new Date(at).toISOString();
  throw new AppError('invalid_request', `"${text}" is no day.`);
}
