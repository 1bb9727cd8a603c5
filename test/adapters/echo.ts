import { createHash } from 'node:crypto';
import type { FetchHandler } from '../../adapters/fetch.ts';

/** A handler that tells what reached it: method, path, header values and the digest of the body. */
export const echo: FetchHandler = async (request, info) => {
  const url = new URL(request.url);
  if (url.pathname.endsWith('/empty')) return new Response(null, { status: 204 });
  if (url.pathname.endsWith('/binary')) {
    return new Response(
      Uint8Array.from({ length: 256 }, (_, i) => i),
      {
        status: 201,
        headers: { 'content-type': 'application/octet-stream' },
      },
    );
  }
  if (url.pathname.endsWith('/cookies')) {
    const headers = new Headers();
    headers.append('set-cookie', 'a=1');
    headers.append('set-cookie', 'b=2');
    return new Response('two cookies', { headers });
  }
  if (url.pathname.endsWith('/away')) {
    return new Response(null, { status: 302, headers: { location: 'https://example.com/x' } });
  }
  const consumed = info?.consumed ?? null;
  const body = consumed ? new Uint8Array() : new Uint8Array(await request.arrayBuffer());
  return Response.json({
    method: request.method,
    path: url.pathname,
    query: url.search,
    length: body.byteLength,
    sha256: createHash('sha256').update(body).digest('hex'),
    marks: request.headers.get('x-mark'),
    signature: request.headers.get('stripe-signature'),
    consumed,
  });
};
