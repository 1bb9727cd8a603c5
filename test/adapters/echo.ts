import { createHash } from 'node:crypto';
import type { FetchHandler } from '../../adapters/fetch.ts';
import { createLogger } from '../../server/lib/log.ts';
import { errorResponse } from '../../server/http/respond.ts';

const log = createLogger({ level: 'silent' });

/** A handler that tells what reached it: method, path, header values and the digest of the body. */
export const echo: FetchHandler = async (request, info) => {
  try {
    return await answer(request, info);
  } catch (error) {
    // As the route table does: adapters are given answers.
    return errorResponse({ log }, error, 'an-id');
  }
};

const answer: FetchHandler = async (request, info) => {
  const url = new URL(request.url);
  switch (url.pathname.split('/').at(-1)) {
    case 'empty':
      return new Response(null, { status: 204 });
    case 'binary': {
      const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
      return new Response(bytes, {
        status: 201,
        headers: { 'content-type': 'application/octet-stream' },
      });
    }
    case 'cookies': {
      const headers = new Headers({ 'content-type': 'text/plain', vary: 'accept' });
      headers.append('vary', 'origin');
      headers.append('set-cookie', 'a=1');
      headers.append('set-cookie', 'b=2');
      return new Response('two cookies', { headers });
    }
    case 'away':
      return new Response(null, { status: 302, headers: { location: 'https://example.com/x' } });
    case 'throws':
      throw new Error('words for the log only');
    default:
  }
  const consumed = info?.consumed ?? null;
  const body = consumed ? new Uint8Array() : new Uint8Array(await request.arrayBuffer());
  return Response.json({
    method: request.method,
    path: url.pathname,
    query: url.search,
    length: body.byteLength,
    sha256: createHash('sha256').update(body).digest('hex'),
    // Lines of one name may be joined on the way, with or without a space (RFC 9110, section 5.2).
    marks: request.headers.get('x-mark')?.split(/,\s*/) ?? null,
    signature: request.headers.get('stripe-signature'),
    consumed,
  });
};
