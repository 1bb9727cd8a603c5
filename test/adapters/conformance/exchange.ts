import { request } from 'node:http';

export interface Sent {
  method: string;
  url: string;
  headers: Record<string, string | string[]>;
  body: Buffer | null;
  chunked: boolean;
}

export interface Received {
  status: number;
  /** Lower-case names; several values only where the answer had several lines. */
  headers: Record<string, string | string[]>;
  body: Buffer;
}

/** One request on a connection of its own, header for header and byte for byte as told. */
export function exchange(sent: Sent): Promise<Received> {
  const { method, url, body, chunked } = sent;
  const framing = body === null || chunked ? {} : { 'content-length': String(body.byteLength) };
  return new Promise((resolve, reject) => {
    const outgoing = request(url, {
      method,
      headers: { ...sent.headers, ...framing },
      agent: false,
      timeout: 30_000,
    });
    // A server may refuse a body and close before it has it all; its answer is what counts.
    outgoing.on('error', reject);
    outgoing.once('timeout', () => outgoing.destroy(new Error(`No answer: ${method} ${url}`)));
    outgoing.once('response', (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.once('error', reject);
      response.once('end', () => {
        const { statusCode: status = 0, rawHeaders } = response;
        resolve({ status, headers: headersOf(rawHeaders), body: Buffer.concat(parts) });
      });
    });
    if (body !== null && chunked) for (const part of split(body)) outgoing.write(part);
    outgoing.end(body !== null && !chunked ? body : undefined);
  });
}

function headersOf(raw: string[]): Record<string, string | string[]> {
  const all = new Map<string, string[]>();
  for (let i = 0; i < raw.length; i += 2) {
    const name = (raw[i] ?? '').toLowerCase();
    all.set(name, [...(all.get(name) ?? []), raw[i + 1] ?? '']);
  }
  return Object.fromEntries([...all].map(([n, v]) => [n, v.length === 1 ? (v[0] ?? '') : v]));
}

function* split(body: Buffer): Generator<Buffer> {
  for (let at = 0; at < body.length; at += 65_536) yield body.subarray(at, at + 65_536);
}
