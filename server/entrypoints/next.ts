/** `tenure/next`: the billing API, its webhook and gates for pages in a Next.js app (App Router). */
import type { FetchHandler } from '../../adapters/fetch.ts';
import {
  createRouteHandlers,
  oncePerProcess,
  pageRequest,
  type RouteHandlers,
} from '../../adapters/next.ts';
import { currentSubscriptionOfUser } from '../../db/subscriptions.ts';
import { checkAccess, refusalCode, type AccessAnswer } from '../access/check-access.ts';
import { accountOf, type Account } from '../../state/roles.ts';
import type { Authenticate, User } from '../lib/services.ts';
import { subscriptionView, type SubscriptionView } from '../billing/subscription-view.ts';
import { isBillingPath, startBilling, type BillingOptions } from '../app/start-billing.ts';
import { withAuthentication } from '../http/with-authentication.ts';
import { commandsFor, type Commands } from '../app/commands.ts';
import { AppError } from '../http/errors.ts';
import { createHandler } from '../app/route-list.ts';
import type { Services } from '../lib/services.ts';

export type { CommandOptions, Commands } from '../app/commands.ts';
export type { HookEvent, Hooks } from '../lib/hooks.ts';
export type { AccessAnswer, Account, RouteHandlers, Services, SubscriptionView, User };

export interface NextBillingOptions extends Omit<BillingOptions, 'authenticate'> {
  /** How the app knows its users, from cookies or headers; default: the bearer token of the configuration. */
  authenticate?: (request: Request) => Promise<User | null> | User | null;
  /** The folder of the route files: `/api` for `app/api/billing/[[...path]]/route.ts`. Default `/api`. */
  mountPath?: string;
  /** Where people without a subscription are sent; `?reason=…` is added. Default `/billing`. */
  redirectTo?: string;
  /** Where visitors without a login are sent. Default: `redirectTo`. */
  signIn?: string;
}

export interface NextBilling {
  /** Every method of `app/api/billing/[[...path]]/route.ts` and of `app/api/webhooks/stripe/route.ts`. */
  routes: RouteHandlers;
  /** The running services: one database pool and one engine per process, whatever is reloaded. */
  services: () => Promise<Services>;
  /** Who asks for this page or action; null without a known user. */
  getUser: () => Promise<User | null>;
  /** Who pays for them, and their role there: their team's account, or their own; null without a known user. */
  getAccount: () => Promise<Account | null>;
  /** The commands of the caller, for server actions: `(await billing.commands()).cancel({when: 'period_end'})`. */
  commands: () => Promise<Commands>;
  /** The commands of a user, for jobs. */
  for: (user: Pick<User, 'id'> & Partial<User>) => Promise<Commands>;
  /** The subscription of the caller's account; null when it never had one. */
  getSubscription: () => Promise<SubscriptionView | null>;
  /** Goes on for callers with access (also by grace); redirects everybody else. */
  requireActiveSubscription: () => Promise<AccessAnswer & { user: User; account: Account }>;
  /** Goes on for callers whose plan has the feature; redirects everybody else. */
  requireFeature: (feature: string) => Promise<AccessAnswer & { user: User; account: Account }>;
}

/** Starts nothing: the first request or page does, so that `next build` needs no database and no key. */
export function createBilling(options: NextBillingOptions = {}): NextBilling {
  const { mountPath = '/api', redirectTo = '/billing', signIn, authenticate } = options;
  const services = async () => {
    const shared = await oncePerProcess('tenure.services', () => startBilling(options));
    // What was reloaded is the app's code, so its way to know users is taken afresh.
    return withAuthentication(shared, authenticate as Authenticate | undefined);
  };
  const getUser = async () => {
    // First of all: it tells `next build` that the page depends on the request, before anything is started.
    const page = await currentPage();
    return (await services()).authenticate(page, undefined);
  };
  const require = async (feature?: string) => {
    const user = await getUser();
    if (!user) return leave(signIn ?? redirectTo, 'unauthenticated');
    const access = await checkAccess(await services(), accountOf(user).id, feature);
    if (access.allowed) return { ...access, user, account: accountOf(user) };
    return leave(redirectTo, refusalCode(access));
  };
  let handler: FetchHandler | undefined;
  return {
    routes: createRouteHandlers(async () => (handler ??= createHandler(await services())), {
      mountPath,
      innerPath: '/api',
      serves: isBillingPath,
    }),
    services,
    getUser,
    getAccount: async () => {
      const user = await getUser();
      return user && accountOf(user);
    },
    getSubscription: async () => {
      const user = await getUser();
      const running = await services();
      const stored =
        user &&
        (await currentSubscriptionOfUser(
          running.database.knex,
          accountOf(user).id,
          running.catalogue,
        ));
      return stored ? subscriptionView(running, stored) : null;
    },
    commands: async () => {
      const user = await getUser();
      if (!user) throw new AppError('unauthenticated', 'No user is signed in.');
      return commandsFor(await services(), user);
    },
    for: async (user) => commandsFor(await services(), user),
    requireActiveSubscription: () => require(),
    requireFeature: (feature) => require(feature),
  };
}

// Loaded when used: they belong to the app, and other hosts have no Next. With `.js`, because Next has no export map.
async function currentPage(): Promise<Request> {
  const { headers } = await import('next/headers.js');
  return pageRequest(await headers());
}

async function leave(target: string, reason: string): Promise<never> {
  const { redirect } = await import('next/navigation.js');
  return redirect(`${target}${target.includes('?') ? '&' : '?'}reason=${reason}`);
}
