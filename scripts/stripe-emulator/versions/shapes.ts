/** A JSON object whose keys depend on the API version. */
export type Shape = Record<string, unknown>;

/** Where an older shape embeds what the newest only names. All answers are fresh copies in the newest shape. */
export interface Lookup {
  find(object: string, id: string): Shape | null;
  /** Payment intent and charge that belong to an invoice, newest first. */
  paymentOf(invoice: string): { paymentIntent: string | null; charge: string | null };
  /** The invoice that a payment intent pays. */
  invoiceOf(paymentIntent: string): string | null;
}

export function isShape(value: unknown): value is Shape {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The nested object under `keys`, or an empty one. */
export function at(shape: Shape, ...keys: string[]): Shape {
  let value: unknown = shape;
  for (const key of keys) value = isShape(value) ? value[key] : undefined;
  return isShape(value) ? value : {};
}

/** The id of a reference, expanded or not. */
export function refId(value: unknown): string | null {
  if (typeof value === 'string') return value;
  return isShape(value) && typeof value['id'] === 'string' ? value['id'] : null;
}

/** The first element of an array or of a list object. */
export function first(value: unknown): unknown {
  const list: unknown = isShape(value) ? value['data'] : value;
  return Array.isArray(list) ? list[0] : undefined;
}

/** The referenced object in full, or null. */
export function embedded(lookup: Lookup, object: string, value: unknown): Shape | null {
  if (isShape(value)) return value;
  return typeof value === 'string' ? lookup.find(object, value) : null;
}

export function drop(shape: Shape, ...keys: string[]): void {
  for (const key of keys) delete shape[key];
}
