/** Where a request comes from: a page of our own, in this process, one of another site, or through a proxy. */
import type { User } from '../lib/services.ts';
import { AppError } from './errors.ts';

/** Where Stripe's pages lead back to. */
export interface ReturnUrls {
  successUrl: string;
  cancelUrl: string;
}

/** For whom one of our own pages asks. */
interface OwnPage extends ReturnUrls {
  user: User;
}

// By the request object itself: nothing that arrives from outside can be in here.
const pages = new WeakMap<Request, OwnPage>();

/** Marks a request that the hosted billing page makes to our own API, in this process. */
export function askForUser(request: Request, page: OwnPage): void {
  pages.set(request, page);
}

/** The user for whom a page of ours asks; null for every request that came from outside. */
export const userOfPage = (request: Request): User | null => pages.get(request)?.user ?? null;

export function returnUrlsOf(request: Request): ReturnUrls | null {
  const page = pages.get(request);
  return page ? { successUrl: page.successUrl, cancelUrl: page.cancelUrl } : null;
}

/** A host may know its users by a cookie, which browsers also send for pages of other sites. They cannot send a token so. */
export function refuseForeignPage({ method, headers }: Request, appUrl: string): void {
  if (method === 'GET' || method === 'HEAD' || headers.has('authorization')) return;
  const site = headers.get('sec-fetch-site');
  const isForeign = site === 'cross-site' || site === 'same-site' || isOtherOrigin(headers, appUrl);
  if (isForeign) {
    throw new AppError('forbidden', 'A page of another site cannot do this in the name of a user.');
  }
}

/** Browsers name the origin of every unsafe request; a page of a neighbouring subdomain is another site's too. */
function isOtherOrigin(headers: Headers, appUrl: string): boolean {
  const origin = headers.get('origin');
  const host = headers.get('host');
  if (origin === null || host === null) return false;
  if (!URL.canParse(origin)) return true;
  // A proxy may have put another host in front of us.
  return ![host, new URL(appUrl).host].includes(new URL(origin).host);
}

/** Forms that come before there is a session whose token they could bring: other sites' are told by their origin. */
export function requireSameOrigin(request: Request): void {
  const origin = request.headers.get('origin');
  const host = request.headers.get('host') ?? new URL(request.url).host;
  if (origin !== null && (!URL.canParse(origin) || new URL(origin).host !== host)) {
    throw new AppError('forbidden', 'This form was sent from another site.');
  }
}

/** A proxy on this machine connects from loopback too, on behalf of anybody. */
export function isProxied({ headers }: Request): boolean {
  return ['x-forwarded-for', 'forwarded', 'via', 'x-real-ip'].some((name) => headers.has(name));
}
