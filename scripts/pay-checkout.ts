/** Test cards of the emulator (and of Stripe), by what they do. */
export const CARDS = {
  good: '4242424242424242',
  declined: '4000000000000002',
  /** Can be saved, but every later charge fails. */
  failsLater: '4000000000000341',
} as const;

/**
 * Pays on the hosted Checkout page by posting its form, as a browser would. Resolves with the
 * address that the page leads to; rejects when the page refuses, with its words.
 */
export async function payCheckout(
  url: string,
  options: { card?: string; email?: string } = {},
): Promise<string> {
  const form = new URLSearchParams({
    method: 'card',
    email: options.email ?? 'person@example.com',
    name: 'A Person',
    number: options.card ?? CARDS.good,
    expiry: '12 / 34',
    cvc: '123',
  });
  const response = await fetch(url, { method: 'POST', body: form, redirect: 'manual' });
  const location = response.headers.get('location');
  if (response.status >= 300 && response.status < 400 && location) return location;
  const page = await response.text();
  const words = /role="alert"[^>]*>([\s\S]*?)<\//.exec(page) ?? /<title>([^<]*)/.exec(page);
  throw new Error(`Checkout answered ${response.status}: ${words?.[1]?.trim() ?? page}`);
}
