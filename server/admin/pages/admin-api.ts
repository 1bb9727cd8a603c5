import { answerOf } from '../../http/api-answer.ts';
import type { RouteContext } from '../../http/define-route.ts';

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
    return answerOf(await dispatch(asked, address === null ? {} : { address }));
  }
}
