import type { Context } from '../kernel/context.ts';
import type { Emulator } from '../kernel/emulator.ts';
import { ApiError } from '../kernel/errors.ts';
import { RawAnswer, type RawRequest } from '../kernel/registry.ts';
import { messagePage, type PageResponse } from './layout.ts';

/** A page's own view of its request: the account behind the address, and what was typed. */
export interface PageVisit {
  ctx: Context;
  id: string;
  path: Readonly<Record<string, string>>;
  query: URLSearchParams;
  form: URLSearchParams;
}

type Page = (visit: PageVisit) => PageResponse | Promise<PageResponse>;

const asAnswer = (page: PageResponse): RawAnswer =>
  new RawAnswer(page.status, page.headers, page.body);

const nowhere = (): PageResponse =>
  messagePage(
    'This link leads nowhere',
    'The emulator does not know it. It may have been restarted since the link was made.',
    404,
  );

/** Finds the account that holds the object in the address, and shows errors of the API as pages. */
export function pageRoute(
  emulator: Emulator,
  show: Page,
): (request: RawRequest) => Promise<RawAnswer> {
  return async (request) => {
    const id = request.path['id'] ?? '';
    const account = emulator.accountHolding(id);
    if (account === undefined) return asAnswer(nowhere());
    const visit = {
      ctx: emulator.context(account),
      id,
      path: request.path,
      query: request.url.searchParams,
      form: new URLSearchParams(request.body.toString('utf8')),
    };
    try {
      return asAnswer(await show(visit));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return asAnswer(messagePage('That did not work', error.message, error.status));
    }
  };
}
