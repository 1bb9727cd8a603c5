import type { RequestInfo } from '../../adapters/fetch.ts';
import { AppError } from './errors.ts';

/** The largest body of any route: 1 MiB. */
export const MAX_BODY_BYTES = 1_048_576;

/** The two ways in which a route may ask for its body; both may be called more than once. */
export interface RequestBody {
  bytes: () => Promise<Uint8Array>;
  json: () => Promise<unknown>;
}

/** Reads the body of a request at most once, when asked, and never more than 1 MiB of it. */
export function bodyOf(request: Request, info: RequestInfo): RequestBody {
  let reading: Promise<Uint8Array> | undefined;
  const bytes = (): Promise<Uint8Array> => {
    if (info.consumed) return Promise.reject(alreadyRead(info.consumed.by));
    return (reading ??= readRequest(request));
  };
  return {
    bytes,
    json: async () => {
      requireJsonType(request);
      // A value that a JSON parser in front has made is as good as ours; only signatures need the bytes.
      if (info.consumed && isJsonValue(info.consumed.parsed)) return info.consumed.parsed;
      return parseJson(await bytes());
    },
  };
}

async function readRequest({ headers, body }: Request): Promise<Uint8Array> {
  if (Number(headers.get('content-length')) > MAX_BODY_BYTES) throw tooLarge();
  return body ? readBody(body) : new Uint8Array();
}

/** The bytes of a body. One that ends before it is whole is no fault of this server: its sender hung up. */
export async function readBody(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of body) {
      length += chunk.byteLength;
      if (length > MAX_BODY_BYTES) throw tooLarge();
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError('invalid_request', 'The body ended before it was whole.', { cause: error });
  }
  const [first] = chunks;
  return chunks.length === 1 && first ? first : Buffer.concat(chunks);
}

function parseJson(bytes: Uint8Array): unknown {
  if (bytes.byteLength === 0) return {};
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new AppError('invalid_json', 'The body is not valid JSON.', { cause: error });
  }
}

function requireJsonType(request: Request): void {
  const type = request.headers.get('content-type');
  if (type === null || /^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i.test(type)) return;
  if (request.headers.get('content-length') === '0') return;
  throw new AppError('unsupported_media_type', 'Send the body as application/json.');
}

function isJsonValue(parsed: unknown): boolean {
  return typeof parsed === 'object' && parsed !== null && !ArrayBuffer.isView(parsed);
}

function tooLarge(): AppError {
  return new AppError('payload_too_large', 'The body is larger than 1 MiB.', {
    headers: { connection: 'close' },
  });
}

function alreadyRead(by: string): AppError {
  return new AppError(
    'body_already_read',
    `The request body was consumed by ${by} before it reached the billing router, so its exact bytes ` +
      'are gone and a signature cannot be checked. Mount the billing router before that parser, or ' +
      'keep the parser away from its path.',
  );
}
