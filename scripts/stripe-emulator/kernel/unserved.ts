import type { ValidationError } from './errors.ts';
import { fail, type Field } from './field.ts';
import { isWireObject, type Wire } from './form.ts';

/** What Stripe would act on and this emulator cannot: refused, because ignoring it would change what is paid. */
export const unserved: Field<null> = {
  effect: 'refused',
  parse(value, path) {
    if (value === '' || value === null || isOff(value)) return null;
    throw unservedParameter(path);
  },
};

function unservedParameter(path: string): ValidationError {
  return fail(`This emulator does not serve \`${path}\`.`, path);
}

/** A plain value as a word in lower case: SDKs write `True` and `true`. */
const wordOf = (value: Wire): string =>
  typeof value === 'object' ? '' : String(value).toLowerCase();

/** `false`, or an object that says no more than `enabled: false`. */
function isOff(value: Wire): boolean {
  if (isWireObject(value)) {
    const { enabled = null, ...others } = value;
    return Object.keys(others).length === 0 && isOff(enabled);
  }
  return wordOf(value) === 'false';
}

/** Read and without effect here: it changes neither what is paid nor when. The README names these parameters. */
export const harmless: Field<Wire> = { effect: 'none', parse: (value) => value };

/** What says the same as leaving the parameter out; anything else is not served. */
export function only(usual: string): Field<null> {
  return {
    effect: 'refused',
    parse(value, path) {
      if (wordOf(value) === usual) return null;
      throw unservedParameter(path);
    },
  };
}

/** `{type: 'self'}`: the account itself, as always here. */
export const ownAccount: Field<null> = {
  effect: 'refused',
  parse(value, path) {
    if (isWireObject(value) && value['type'] === 'self') return null;
    throw unservedParameter(path);
  },
};
