import { AppError } from './errors.ts';

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
