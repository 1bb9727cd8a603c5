/** One API call as Stripe's request log shows it. */
export interface RequestLog {
  id: string;
  created: number;
  method: string;
  path: string;
  query: string;
  status: number;
  ms: number;
  apiVersion: string;
  idempotencyKey: string | null;
  userAgent: string;
  ip: string;
  requestBody: string;
  responseBody: string;
  error: {
    type: string;
    code?: string;
    param?: string;
    message: string;
    decline_code?: string;
  } | null;
}

const KEPT = 1_000;

/** Adds to the ring; the oldest entries go. */
export function keepRequest(ring: RequestLog[], entry: RequestLog): void {
  ring.push(entry);
  if (ring.length > KEPT + 100) ring.splice(0, 100);
}
