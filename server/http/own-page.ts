import type { User } from '../lib/services.ts';

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
