import { z } from 'zod';
import type { RouteContext } from '../../http/define-route.ts';

const failure = z.object({ error: z.object({ code: z.string(), message: z.string() }) });

interface Sender {
  request: Request;
  csrf: string;
}

interface ApiCall {
  method?: 'GET' | 'POST' | 'PUT';
  body?: object;
  /** Sent twice, it acts once. */
  key?: string | null;
}

/** What the admin API refused, in its own words. */
export class ApiRefusal extends Error {
  override name = 'ApiRefusal';
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** The admin API as the operator who is signed in may use it: the same routes, roles, checks and audit as for scripts. */
export class AdminApi {
  readonly #context: Pick<RouteContext, 'dispatch' | 'address'>;
  readonly #sender: Sender;

  constructor(context: Pick<RouteContext, 'dispatch' | 'address'>, sender: Sender) {
    this.#context = context;
    this.#sender = sender;
  }

  /** Throws ApiRefusal for whatever is not a success. */
  async call(path: string, { method = 'POST', body, key }: ApiCall = {}): Promise<unknown> {
    const { request, csrf } = this.#sender;
    const headers = new Headers({ 'x-csrf-token': csrf });
    const cookie = request.headers.get('cookie');
    if (cookie !== null) headers.set('cookie', cookie);
    const init: RequestInit = { method, headers };
    if (method !== 'GET') {
      headers.set('content-type', 'application/json');
      if (key) headers.set('idempotency-key', key);
      init.body = JSON.stringify(body ?? {});
    }
    const { dispatch, address } = this.#context;
    const asked = new Request(new URL(path, request.url), init);
    const response = await dispatch(asked, address === null ? {} : { address });
    const answer: unknown = await response.json();
    if (response.ok) return answer;
    const known = failure.safeParse(answer);
    const { code, message } = known.success
      ? known.data.error
      : { code: 'unknown', message: 'The API answered with an error.' };
    throw new ApiRefusal(response.status, code, message);
  }
}
