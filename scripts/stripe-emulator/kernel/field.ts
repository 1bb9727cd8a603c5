import { ValidationError } from './errors.ts';
import type { Wire } from './form.ts';

/** One parameter: how to read it, and whether it must be there. */
export interface Field<T> {
  readonly required?: boolean;
  /** The parameters of an object, or what an array, a map or a clearable one holds: so that schemas can be looked through. */
  readonly inside?: Field<unknown> | Readonly<Record<string, Field<unknown>>>;
  /** `none`: read and without effect; `refused`: not served. */
  readonly effect?: 'none' | 'refused';
  /** The closed set of words it takes. */
  readonly words?: readonly string[];
  readonly parse: (value: Wire, path: string) => T;
}
/** A parameter that must be present. */
export interface RequiredField<T> extends Field<T> {
  readonly required: true;
}
/** A refusal that is not kept under the idempotency key. */
export function fail(message: string, param?: string, code?: string): ValidationError {
  return new ValidationError(400, {
    type: 'invalid_request_error',
    message,
    ...(param === undefined ? {} : { param }),
    ...(code === undefined ? {} : { code }),
  });
}
