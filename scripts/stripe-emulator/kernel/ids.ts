import { randomBytes } from 'node:crypto';

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
let pool = Buffer.alloc(0);
let used = 0;

/** Random base-62 text; the bias of `% 62` is harmless for ids. */
export function randomText(length: number): string {
  if (used + length > pool.length) {
    pool = randomBytes(8192);
    used = 0;
  }
  let text = '';
  for (let i = 0; i < length; i += 1) text += ALPHABET[(pool[used + i] ?? 0) % 62];
  used += length;
  return text;
}

/** An id such as `cus_NffrFeUfNV2Hib`; the kinds that Stripe gives a longer id get one. */
export function newId(prefix: string): string {
  return `${prefix}_${randomText(SHORT.has(prefix) ? 14 : 24)}`;
}

const SHORT = new Set(['cus', 'prod', 'si']);

/** The id of a reference that may be expanded. */
export function idOf(reference: string | { id: string }): string;
export function idOf(reference: string | { id: string } | null | undefined): string | null;
export function idOf(reference: string | { id: string } | null | undefined): string | null {
  if (reference === null || reference === undefined) return null;
  return typeof reference === 'string' ? reference : reference.id;
}
