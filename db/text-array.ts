const TEXT_OID = 25;

/**
 * A `text[]` in PostgreSQL's binary form, to be given as a parameter. As text, every quote of every payload would
 * be escaped here and unescaped there.
 */
export function binaryTextArray(values: readonly (string | null)[]): Buffer {
  const lengths = values.map((value) => (value === null ? -1 : Buffer.byteLength(value)));
  const size = lengths.reduce((sum, length) => sum + 4 + Math.max(length, 0), 20);
  const buffer = Buffer.allocUnsafe(size);
  // Dimensions, whether there are nulls, the element type, then the length and first index of the one dimension.
  const head = [1, lengths.includes(-1) ? 1 : 0, TEXT_OID, values.length, 1];
  let at = 0;
  for (const number of head) at = buffer.writeInt32BE(number, at);
  values.forEach((value, i) => {
    const length = lengths[i] ?? -1;
    at = buffer.writeInt32BE(length, at);
    if (value !== null) at += buffer.write(value, at, length);
  });
  return buffer;
}
