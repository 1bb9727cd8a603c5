/** Metadata after an update: given keys replace, null keys go, null as a whole clears. */
export function mergeMetadata(
  current: Record<string, string>,
  given: Record<string, string | null> | null | undefined,
): Record<string, string> {
  if (given === undefined) return current;
  if (given === null) return {};
  const merged = { ...current };
  for (const [key, value] of Object.entries(given)) {
    if (value === null) delete merged[key];
    else merged[key] = value;
  }
  return merged;
}

/** The entries that are not undefined: what an update assigns. */
export function definedOf<T extends object>(values: T): Partial<T> {
  const copy = { ...values };
  for (const [key, value] of Object.entries(copy))
    if (value === undefined) Reflect.deleteProperty(copy, key);
  return copy;
}
