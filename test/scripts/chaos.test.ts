import { createServer, type Server } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LESSONS } from '../../scripts/chaos/lessons.ts';
import { isYes } from '../../scripts/chaos/host.ts';
import { runChaos, type ChaosResult } from '../../scripts/chaos/run-chaos.ts';
import { isSubscriptionActive } from '../../server/access/check-access.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { listening, startTextbookHandler } from '../support/textbook-handler.ts';
import { runScript } from './run-script.ts';

const SECRET = 'whsec_tenure_chaos';
const seed = Number(process.env['TENURE_TEST_SEED'] ?? Math.floor(Math.random() * 1e9));
process.stdout.write(`tenure chaos: TENURE_TEST_SEED=${seed}\n`);

let server: TestServer;
/** The host's own page that says whether a customer is active. */
let page: Server;
let pageUrl: string;
beforeAll(async () => {
  server = await startTestServer({ database: 'sqlite' });
  page = createServer((request, response) => {
    const user = (request.url ?? '').split('/').at(-1) ?? '';
    void isSubscriptionActive(server.services, user).then((active) =>
      response.end(JSON.stringify({ active })),
    );
  });
  pageUrl = await listening(page);
}, 60_000);
afterAll(async () => {
  page.close();
  await server.close();
});

const wrong = (results: ChaosResult[]) =>
  results.filter(({ passed }) => !passed).map(({ lesson }) => lesson);

/** In an account of its own, beside that of the server. */
async function playAtTextbook(stores: 'event' | 'subscription'): Promise<ChaosResult[]> {
  const apiBase = server.emulator.url;
  const secretKey = `sk_test_textbook_${stores}`;
  const { close, ...addresses } = await startTextbookHandler({
    apiBase,
    secretKey,
    secret: SECRET,
    stores,
  });
  try {
    const own = { secret: SECRET, secretKey, apiBase, price: null };
    return await runChaos({ ...addresses, ...own, waitMs: 500, seed, only: null });
  } finally {
    close();
  }
}

describe('tenure chaos', { timeout: 120_000 }, () => {
  it('finds what a textbook handler gets wrong that stores what events say', async () => {
    const results = await playAtTextbook('event');
    expect(results).toHaveLength(LESSONS.length);
    expect(wrong(results)).toEqual(
      expect.arrayContaining(['reversed', 'same_second', 'late_update', 'two_subscriptions']),
    );
    expect(wrong(results)).not.toContain('in_order');
    expect(results.find(({ lesson }) => lesson === 'reversed')).toMatchObject({
      found: ['The customer is active at Stripe, and not active here.'],
    });
  });

  it('finds what one gets wrong that reads the subscription again', async () => {
    expect(wrong(await playAtTextbook('subscription'))).toEqual(['late_read', 'two_subscriptions']);
  });

  it('finds nothing in ours', async () => {
    const results = await runChaos({
      forwardTo: `${server.url}/api/webhooks/stripe`,
      ask: `${pageUrl}/{user}`,
      secret: server.env['STRIPE_WEBHOOK_SECRET']!,
      secretKey: server.env['STRIPE_SECRET_KEY']!,
      apiBase: server.emulator.url,
      price: server.env['STRIPE_STARTER_MONTHLY_PRICE_ID']!,
      waitMs: 5_000,
      seed,
      only: null,
    });
    expect(
      results.flatMap(({ lesson, found }) => found.map((each) => `${lesson}: ${each}`)),
    ).toEqual([]);
  });

  it('is a command that ends with 1 and says why', async () => {
    const apiBase = server.emulator.url;
    const secretKey = 'sk_test_textbook_command';
    const handler = await startTextbookHandler({
      apiBase,
      secretKey,
      secret: SECRET,
      stores: 'event',
    });
    const run = (more: string[]) =>
      runScript('tenure', [
        'chaos',
        `--forward-to=${handler.forwardTo}`,
        `--ask=${handler.ask}`,
        `--stripe=${apiBase}`,
        `--key=${secretKey}`,
        '--wait=300',
        '--seed=7',
        ...more,
      ]);
    const { code, stdout } = await run(['--only', 'in_order,reversed']);
    handler.close();
    expect(stdout).toMatch(
      /^seed 7\nok {4}in_order .*\nFAIL {2}reversed .*\n {6}The customer is active at Stripe, and not active here\.\n.*\n1 of 2 right\n$/,
    );
    expect(code).toBe(1);
    expect(await run(['--only', 'reverse'])).toMatchObject({
      code: 2,
      stderr: 'There is no lesson "reverse"; see tenure chaos --help.\n',
    });
  });

  it('takes a plain yes, and nothing else, for yes', () => {
    const yes = ['true', '{"active":true}', '{"allowed":true,"level":"full"}', 'active\n'];
    const no = ['false', '{"active":"yes"}', '{}', 'null', '', '<html>active</html>'];
    expect(yes.map((text) => isYes(200, text))).toEqual(yes.map(() => true));
    expect(no.map((text) => isYes(200, text))).toEqual(no.map(() => false));
    expect(isYes(402, 'true')).toBe(false);
  });
});
