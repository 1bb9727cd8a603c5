import type { paths } from '../../adapters/client.ts';
import { AppError, type ErrorCode } from '../http/errors.ts';
import { withAuthentication } from '../http/with-authentication.ts';
import type { Services, User } from '../lib/services.ts';
import { createHandler } from './route-list.ts';

/** The commands of a payer, and the routes that they are. */
const COMMANDS = {
  checkout: '/api/billing/checkout',
  syncCheckout: '/api/billing/checkout/sync',
  buy: '/api/billing/payments',
  preview: '/api/billing/subscription/preview',
  change: '/api/billing/subscription/change',
  quantity: '/api/billing/subscription/quantity',
  cancel: '/api/billing/subscription/cancel',
  resume: '/api/billing/subscription/resume',
  pause: '/api/billing/subscription/pause',
  reactivate: '/api/billing/subscription/reactivate',
  portal: '/api/billing/portal',
  recordUsage: '/api/billing/usage',
} as const;
type Name = keyof typeof COMMANDS;

type Post<N extends Name> = paths[(typeof COMMANDS)[N]]['post'];
type Json<C> = C extends { content: { 'application/json': infer Value } } ? Value : never;
type Body<N extends Name> = Json<NonNullable<Post<N>['requestBody']>>;
type Answers<N extends Name> = Post<N>['responses'];
type Answer<N extends Name> = Json<Answers<N>[keyof Answers<N> & (200 | 202)]>;

export interface CommandOptions {
  /** Given again with the same command, it is done once and answered alike. */
  idempotencyKey?: string;
}

/** Commands in code: they do and refuse what their routes do. */
export type Commands = {
  [N in Name]: (
    ...given: undefined extends Post<N>['requestBody']
      ? [body?: Body<N>, options?: CommandOptions]
      : [body: Body<N>, options?: CommandOptions]
  ) => Promise<Answer<N>>;
};

/**
 * The commands of a user, or of a job that acts for one: `await commandsFor(services, {id}).checkout({plan, interval})`. Throws an
 * AppError with the code of the refusal.
 */
export function commandsFor(services: Services, user: Pick<User, 'id'> & Partial<User>): Commands {
  const handler = createHandler(
    withAuthentication(services, () => ({ email: null, name: null, ...user })),
  );
  const call = async (path: string, body: unknown, { idempotencyKey }: CommandOptions) => {
    const headers = new Headers({ 'content-type': 'application/json' });
    if (idempotencyKey !== undefined) headers.set('idempotency-key', idempotencyKey);
    const url = new URL(path, services.config.http.appUrl);
    const request = new Request(url, { method: 'POST', headers, body: JSON.stringify(body) });
    return answerOf(await handler(request));
  };
  const commands = Object.entries(COMMANDS).map(([name, path]) => [
    name,
    (body: unknown = {}, options: CommandOptions = {}) => call(path, body, options),
  ]);
  return Object.fromEntries(commands) as Commands;
}

async function answerOf(response: Response): Promise<unknown> {
  const answer: unknown = await response.json();
  if (response.ok) return answer;
  const { error } = answer as { error: { code: ErrorCode; message: string } };
  const { code, message, ...fields } = error;
  throw new AppError(code, message, { fields });
}
