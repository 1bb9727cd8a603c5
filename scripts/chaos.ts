import { parseArgs } from 'node:util';
import { LESSONS } from './chaos/lessons.ts';
import { runChaos, type ChaosResult } from './chaos/run-chaos.ts';
import { startEmulator } from './stripe-emulator/index.ts';

const HELP = `Plays lives of subscriptions at a webhook handler, and reports what it got wrong. The handler may be in any language.

  tenure chaos --forward-to http://localhost:3000/webhook --ask 'http://localhost:3000/active?customer={customer}'

Events come twice, reversed, late, forged, in the same second, all at once, and reads are answered late. Then the question is asked: is
this customer active? Yes is true, {"active": true}, {"allowed": true} or {"access": true} with 2xx.
The handler talks to the local Stripe that this command starts (port 12111, any key sk_test_…), and checks signatures with --secret.

  --forward-to URL  the webhook handler
  --ask URL         {customer} and {user} stand for the customer's id and its metadata user_id
  --secret S        signing secret of the handler (STRIPE_WEBHOOK_SECRET, default whsec_tenure_chaos)
  --key K           the handler's secret key (STRIPE_SECRET_KEY, default sk_test_tenure_local)
  --stripe URL      an emulator that runs already, with what the handler sells
  --price ID        what is bought (default: a new monthly price)
  --port N          of the emulator that is started (default: 12111)
  --wait MS         how long an answer may take to become right (default: 3000)
  --only A,B        some of: ${LESSONS.map(({ id }) => id).join(', ')}
  --seed N          of the shuffles (printed)
  --json            print the results as JSON
  --help            this text
`;

const { values } = parseArgs({
  options: {
    'forward-to': { type: 'string' },
    ask: { type: 'string' },
    secret: { type: 'string' },
    key: { type: 'string' },
    stripe: { type: 'string' },
    price: { type: 'string' },
    port: { type: 'string', default: '12111' },
    wait: { type: 'string', default: '3000' },
    only: { type: 'string' },
    seed: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) process.stdout.write(HELP);
else process.exitCode = await run();

async function run(): Promise<number> {
  const { ask, 'forward-to': forwardTo } = values;
  if (forwardTo === undefined || ask === undefined) {
    process.stderr.write('Say --forward-to URL and --ask URL; see tenure chaos --help.\n');
    return 2;
  }
  const only = values.only?.split(',') ?? null;
  const unknown = only?.find((id) => !LESSONS.some((lesson) => lesson.id === id));
  if (unknown !== undefined) {
    process.stderr.write(`There is no lesson "${unknown}"; see tenure chaos --help.\n`);
    return 2;
  }
  const seed = Number(values.seed ?? Math.floor(Math.random() * 1e9));
  const emulator = values.stripe ? null : await startEmulator({ port: Number(values.port) });
  try {
    if (!values.json) process.stdout.write(`seed ${seed}\n`);
    const results = await runChaos(
      {
        forwardTo,
        ask,
        secret: values.secret ?? (process.env['STRIPE_WEBHOOK_SECRET'] || 'whsec_tenure_chaos'),
        secretKey: values.key ?? (process.env['STRIPE_SECRET_KEY'] || 'sk_test_tenure_local'),
        apiBase: emulator?.url ?? values.stripe ?? '',
        price: values.price ?? null,
        waitMs: Number(values.wait),
        only,
        seed,
      },
      (result) => {
        if (!values.json) process.stdout.write(lineOf(result));
      },
    );
    const wrong = results.filter(({ passed }) => !passed).length;
    if (values.json) process.stdout.write(`${JSON.stringify({ seed, results })}\n`);
    else process.stdout.write(`${results.length - wrong} of ${results.length} right\n`);
    return wrong === 0 ? 0 : 1;
  } finally {
    await emulator?.close();
  }
}

function lineOf({ lesson, promise, hint, passed, found }: ChaosResult): string {
  const line = `${passed ? 'ok  ' : 'FAIL'}  ${lesson.padEnd(18)} ${promise}\n`;
  return passed ? line : `${line}      ${found.join(' ')}\n      ${hint}\n`;
}
