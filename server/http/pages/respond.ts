import type { RouteContext } from '../define-route.ts';
import { AppError } from '../errors.ts';

/** The fields of a form as browsers send it. */
export async function formOf(
  request: Request,
  context: Pick<RouteContext, 'bytes'>,
): Promise<URLSearchParams> {
  const type = request.headers.get('content-type') ?? '';
  if (!type.startsWith('application/x-www-form-urlencoded')) {
    throw new AppError('unsupported_media_type', 'A form is expected here.');
  }
  const fields = new URLSearchParams(new TextDecoder().decode(await context.bytes()));
  if ([...fields.values()].some((value) => value.includes('\0'))) {
    throw new AppError(
      'invalid_request',
      'A field has a character that no text may have (U+0000).',
    );
  }
  return fields;
}

/** Goes on to another page; `cookies` are set on the way. */
export function redirect(path: string, cookies: string[] = []): Response {
  const headers = new Headers({ location: path });
  for (const cookie of cookies) headers.append('set-cookie', cookie);
  return new Response(null, { status: 303, headers });
}

/** No inline script or style, nothing from elsewhere, no framing. */
export const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/** An HTML answer with the policy that holds even where no Express app sets one. */
export function page(html: string, status = 200, policy = POLICY): Response {
  return new Response(html, {
    status,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': policy,
      'referrer-policy': 'same-origin',
      'x-content-type-options': 'nosniff',
    },
  });
}
