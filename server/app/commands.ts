import {
  SUBSCRIPTION_COMMANDS,
  type CommandAnswer,
  type CommandBody,
  type IsBodyOptional,
} from '../../adapters/client/commands.ts';
import { AppError, type ErrorCode } from '../http/errors.ts';
import { withAuthentication } from '../http/with-authentication.ts';
import type { Services, User } from '../lib/services.ts';
import { createHandler } from './route-list.ts';

/** The commands of a payer, and the routes that they are. */
const COMMANDS = {
  ...SUBSCRIPTION_COMMANDS,
  checkout: '/api/billing/checkout',
  syncCheckout: '/api/billing/checkout/sync',
  buy: '/api/billing/payments',
  portal: '/api/billing/portal',
  recordUsage: '/api/billing/usage',
} as const;
type Name = keyof typeof COMMANDS;
type Path<N extends Name> = (typeof COMMANDS)[N];

export interface CommandOptions {
  /** Given again with the same command, it is done once and answered alike. */
  idempotencyKey?: string;
}

/** Commands in code: they do and refuse what their routes do. */
export type Commands = {
  [N in Name]: (
    ...given: IsBodyOptional<Path<N>> extends true
      ? [body?: CommandBody<Path<N>>, options?: CommandOptions]
      : [body: CommandBody<Path<N>>, options?: CommandOptions]
  ) => Promise<CommandAnswer<Path<N>>>;
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
