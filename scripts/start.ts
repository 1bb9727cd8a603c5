import { parseArgs } from 'node:util';
import { loadEnvironmentFile } from '../server/config/environment-file.ts';
import type { Catalogue } from '../state/catalogue.ts';
import { startLocalStack, type LocalStack } from './local-stack.ts';
import { stopOnSignal } from './stop-on-signal.ts';

const HELP = `Starts Tenure.

  npm start

Without STRIPE_SECRET_KEY it brings a local Stripe along (on EMULATOR_PORT, default 12111) and keeps
everything under ./data. With a key it runs against that account; see .env.example for the rest.

  --data DIR  where the local Stripe and the database are kept (default: data)
  --json      print the addresses and the test login as one JSON line
  --help      this text
`;

const DEMO_USER = { id: 'user_demo', email: 'demo@example.com', name: 'Demo User' };

const { values } = parseArgs({
  options: {
    data: { type: 'string', default: 'data' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) {
  process.stdout.write(HELP);
} else {
  try {
    await start();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  }
}

async function start(): Promise<void> {
  loadEnvironmentFile();
  if (process.env['STRIPE_SECRET_KEY']?.trim()) {
    await takeListenSecret();
    const { runServers } = await import('../server/app/cluster/primary.ts');
    const servers = await runServers();
    // One of several processes: the first one does the talking.
    if (!servers) return;
    stopOnSignal((signal) => (signal === 'SIGTERM' ? servers.drain() : servers.close()));
    const { createLoginLink } = await import('../server/admin/pages/session.ts');
    const link = createLoginLink(servers);
    console.log(`Tenure is ready on ${servers.url}`);
    console.log(link === null ? 'The dashboard is closed: set ADMIN_TOKEN.' : signInWords(link));
    return;
  }
  const stack = await startLocalStack({
    env: { LOG_LEVEL: 'warn', ...process.env },
    dataDir: values.data,
  });
  stopOnSignal(async () => {
    if (!values.json) console.log('\nStopping …');
    await stack.close();
  });
  const login = await testLogin(stack);
  console.log(values.json ? JSON.stringify(login) : greeting(login));
}

/** With a test key, the secret of `npm run stripe:listen` serves until another is set: there is nothing to copy. */
async function takeListenSecret(): Promise<void> {
  const key = process.env['STRIPE_SECRET_KEY'] ?? '';
  if (!/^[rs]k_test_/.test(key) || process.env['STRIPE_WEBHOOK_SECRET']?.trim()) return;
  const { listenSecret } = await import('./stripe-cli/attach.ts');
  const { cliTarget } = await import('./stripe-cli/target.ts');
  try {
    process.env['STRIPE_WEBHOOK_SECRET'] = await listenSecret(cliTarget(process.env));
    console.error('Takes the events of npm run stripe:listen (STRIPE_WEBHOOK_SECRET is not set).');
  } catch (error) {
    // The configuration is checked next, and says that the secret is missing.
    console.error(error instanceof Error ? error.message : error);
  }
}

interface Login {
  url: string;
  dashboard: string;
  /** Signs in to the dashboard, once. */
  signIn: string | null;
  storefront: string;
  stripe: string;
  adminToken: string;
  token: string;
  /** Something that is sold; null when there is no plan with a price. */
  choice: { plan: string; interval: string } | null;
}

async function testLogin({ server, stripe, env }: LocalStack): Promise<Login> {
  // Loaded only now: while the local Stripe started, the server's modules had the time.
  const { SignJWT } = await import('jose');
  const { createLoginLink } = await import('../server/admin/pages/session.ts');
  const secret = new TextEncoder().encode(env['AUTH_JWT_SECRET']);
  const token = await new SignJWT({ email: DEMO_USER.email, name: DEMO_USER.name })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(DEMO_USER.id)
    .setIssuedAt()
    .setExpirationTime('30d')
    .sign(secret);
  return {
    url: server.url,
    dashboard: `${server.url}/admin`,
    signIn: createLoginLink(server.services),
    storefront: `${server.url}/`,
    stripe: stripe.url,
    adminToken: env['ADMIN_TOKEN'] ?? '',
    token,
    choice: choiceOf(server.services.catalogue),
  };
}

/** The biggest plan that has a price. */
function choiceOf({ plans }: Catalogue): Login['choice'] {
  for (const { id: plan, prices } of plans.toReversed()) {
    const [interval] = prices.monthly ? ['monthly'] : Object.keys(prices);
    if (interval !== undefined) return { plan, interval };
  }
  return null;
}

function greeting(login: Login): string {
  return `
  Tenure is ready. Nothing here is real money: Stripe is the emulator on ${login.stripe}

    Storefront   ${login.storefront}
    Dashboard    ${login.signIn ?? login.dashboard}
                 (signs in once, within 15 minutes; later: ${login.dashboard}, admin token ${login.adminToken})
    API          ${login.url}/openapi.json

  A test login (${DEMO_USER.email}, good for 30 days):

    TOKEN=${login.token}

  Start a trial: open the URL that this prints and pay with 4242 4242 4242 4242.

    curl -s ${login.url}/api/billing/checkout -H "Authorization: Bearer $TOKEN" \\
      -H 'Content-Type: application/json' -d '${JSON.stringify(login.choice)}'

  What to try next: upgrade on the account page; move the clock a month on in the dashboard (Time); save
  4000 0000 0000 0341 as payment method and move it again, so that a payment fails; cancel, and come back.
  The storefront's button Dashboard signs you in.

  Then see it:

    curl -s ${login.url}/api/billing/subscription -H "Authorization: Bearer $TOKEN"

  Ctrl-C stops everything.
`;
}

function signInWords(link: string): string {
  return `Dashboard: ${link}\n(signs in once, within 15 minutes; later with the admin token)`;
}
