import type { RequestInfo } from '../../adapters/fetch.ts';
import { bytesUnderWay } from './bytes-under-way.ts';
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
    return (reading ??= readAll(request, info.address).catch(brokenOff));
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

/** A body that ends before it is whole: its sender hung up. That is no fault of this server. */
function brokenOff(error: unknown): never {
  throw error instanceof AppError ? error : endedEarly(error);
}

export const endedEarly = (cause?: unknown) =>
  new AppError('invalid_request', 'The body ended before it was whole.', { cause });

/** A body that is declared to be small is read by the runtime, which is faster. */
const SMALL_BYTES = 16_384;

async function readAll(request: Request, address?: string): Promise<Uint8Array> {
  const declared = request.headers.get('content-length');
  if (declared !== null) {
    // The HTTP parser holds the sender to the length it declared.
    if (Number(declared) > MAX_BODY_BYTES) throw tooLarge();
    if (Number(declared) <= SMALL_BYTES) return new Uint8Array(await request.arrayBuffer());
  }
  const reader: ReadableStreamDefaultReader<Uint8Array> | undefined = request.body?.getReader();
  if (!reader) return new Uint8Array();
  const cut: { error: AppError | null } = { error: null };
  const arriving = bytesUnderWay.begin(address, (error) => {
    cut.error = error;
    reader.cancel(error).catch(() => undefined);
  });
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      length += part.value.byteLength;
      if (length > MAX_BODY_BYTES) {
        await reader.cancel();
        throw tooLarge();
      }
      chunks.push(part.value);
      arriving.add(part.value.byteLength);
    }
  } finally {
    arriving.end();
  }
  if (cut.error !== null) throw cut.error;
  return new Uint8Array(Buffer.concat(chunks));
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
