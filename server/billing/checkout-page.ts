import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { CheckoutPage } from '../../adapters/stripe-gateway.ts';
import type { Config } from '../config/config.ts';
import { AppError } from '../http/errors.ts';
import type { ReturnUrls } from '../http/page-origin.ts';

/** Stripe's own list. */
const LOCALES = (
  'auto bg cs da de el en en-GB es es-419 et fi fil fr fr-CA hi-IN hr hu id it ja ko lt lv ms mt nb nl pl ' +
  'pt pt-BR ro ru sk sl sv th tr vi zh zh-HK zh-TW'
).split(' ');

const metadata = z
  .record(z.string().regex(/^\w{1,40}$/, 'must be letters, digits and _'), z.string().max(500))
  .refine((entries) => Object.keys(entries).length <= 20, 'can have 20 entries')
  .refine(
    (entries) =>
      !Object.keys(entries).some((key) =>
        /^(tenure_|user_id$|userId$|wish$|product$|quantity$)/.test(key),
      ),
    'has a key that is used by the server itself',
  );

const returnUrl = z.url({ protocol: /^https?$/ }).max(2_000);

/** What a caller may say of the page itself. */
export const pageFields = {
  locale: z.enum(LOCALES).optional().describe('Of the page; that of the browser without it'),
  successUrl: returnUrl
    .optional()
    .describe('Of an allowed origin; {CHECKOUT_SESSION_ID} is filled in by Stripe'),
  cancelUrl: returnUrl.optional().describe('Of an allowed origin'),
  metadata: metadata.default({}).describe('Kept on the session, and told again'),
};
type PageWish = z.infer<z.ZodObject<typeof pageFields>>;

/** Throws 400 for a URL of an origin that is not allowed. */
function pageOf({ http, checkout }: Config, wish: PageWish): CheckoutPage {
  const allowed = (name: 'successUrl' | 'cancelUrl', fallback: string): string => {
    const url = wish[name];
    if (url === undefined) return fallback;
    const { origin, username, password } = new URL(url);
    const isOurs = [new URL(http.appUrl).origin, ...checkout.origins].includes(origin);
    if (isOurs && username === '' && password === '') return url;
    throw new AppError(
      'invalid_request',
      `${name} is of ${origin}, which is not allowed; name that origin in CHECKOUT_ORIGINS.`,
      { fields: { issues: [{ path: name, message: 'not of an allowed origin' }] } },
    );
  };
  return {
    locale: wish.locale ?? null,
    successUrl: allowed(
      'successUrl',
      `${http.appUrl}/billing/success?session_id={CHECKOUT_SESSION_ID}`,
    ),
    cancelUrl: allowed('cancelUrl', `${http.appUrl}/billing?checkout=canceled`),
    metadata: wish.metadata,
    promotionCodes: checkout.promotionCodes,
    taxIds: checkout.taxIds,
  };
}

/** A page as it is asked of Stripe, and what makes it another one than the usual. */
export interface WishedPage {
  page: CheckoutPage;
  words: string;
}

/** One of our own pages says itself where Stripe's leads back to. */
export function wishedPage(
  config: Config,
  wish: PageWish,
  own: ReturnUrls | null = null,
): WishedPage {
  const page = pageOf(config, wish);
  if (own === null) return { page, words: pageWords(wish) };
  return { page: { ...page, ...own }, words: `${pageWords(wish)}|${shortHash(own.cancelUrl)}` };
}

const shortHash = (text: string): string =>
  createHash('sha256').update(text).digest('base64url').slice(0, 16);

/** What of a wish makes it another page; empty where nothing was said. */
function pageWords({ locale, successUrl, cancelUrl, metadata: own }: PageWish): string {
  const entries = Object.entries(own).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const page = [locale, successUrl, cancelUrl];
  if (page.every((each) => each === undefined)) {
    return entries.length > 0 ? `|${JSON.stringify(entries)}` : '';
  }
  return `|${JSON.stringify([...page, entries])}`;
}
