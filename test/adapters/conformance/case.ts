/** One request and what is expected of it, as `conformance.json` holds it; Python reads the same file. */
export interface Case {
  name: string;
  /** Who asks. The ill-made tokens must be worth as much as none. */
  as?: 'nobody' | 'user' | 'admin' | 'expired' | 'foreign-audience' | 'alg-none' | 'wrong-key';
  method: string;
  /** `{name}` stands for a saved value, `{run}` for something that no other run has, `{user}` for who asks. */
  path: string;
  /** A list sends the header several times. */
  headers?: Record<string, string | string[]>;
  body?: Body;
  /** Sends the body without telling its length. */
  chunked?: boolean;
  /** How the body is signed as Stripe signs it. */
  sign?: 'valid' | 'stale' | 'future' | 'wrong-secret' | 'other-body';
  /** Names for values of the JSON answer, by their path: `{"invoice": "invoices.0.id"}`. */
  save?: Record<string, string>;
  /** Then pays the Checkout page whose address was saved under this name. */
  pay?: string;
  /** Asks again until the answer is as expected, for ten seconds: what a webhook brings takes a moment. */
  wait?: boolean;
  expect?: Expected;
}

export type Body =
  | { json: unknown }
  | { text: string }
  | { everyByte: true }
  | { megabytes: number };

export interface Expected {
  status: number;
  headers: Record<string, string | string[]>;
  /** Absent for an empty body. JSON is compared as the text that it is written in. */
  json?: unknown;
  text?: string;
  base64?: string;
}

export interface Conformance {
  about: string;
  /** `[pattern, label]`: what differs from run to run becomes `<label>`; null is the pattern's first group. */
  normalise: [string, string | null][];
  /** Headers of the connection, not of the answer. */
  ignoredHeaders: string[];
  /** What the server's own app (helmet) adds to every answer, around the adapter. */
  serverHeaders: string[];
  /** Answered by the echo handler. */
  transport: Case[];
  /** What each route refuses, made from the table; goes before `api`. */
  refusals: Case[];
  /** Answered by the route table on a real database and a local Stripe; in this order, by one new user. */
  api: Case[];
}
