import { fstatSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { stopOnSignal } from './stop-on-signal.ts';
import { startControl } from './testing/control.ts';
import { startTestBilling, startTestStripe } from './testing/test-billing.ts';

const HELP = `Billing for a test run in any language: a local Stripe, a server, and control over both by HTTP.

  tenure testing [--plans FILE]

Prints one line of JSON when it is ready: control, url, stripe, env. Nothing is kept; it ends with SIGTERM, Ctrl-C or the pipe that is its input.

  --plans FILE      what you sell (default: the plans that come with Tenure)
  --own-app         starts no server: your app listens on the port of env.PORT, with that env
  --webhook-path P  where your app takes Stripe's webhooks (default: /api/webhooks/stripe)
  --port N          of the control (default: any free one)
  --help            this text
`;

const { values } = parseArgs({
  options: {
    plans: { type: 'string' },
    'own-app': { type: 'boolean', default: false },
    'webhook-path': { type: 'string' },
    port: { type: 'string', default: '0' },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) process.stdout.write(HELP);
else await run();

async function run(): Promise<void> {
  const start = values['own-app'] ? startTestStripe : startTestBilling;
  const billing = await start({ plansFile: values.plans, webhookPath: values['webhook-path'] });
  const control = await startControl(billing, Number(values.port));
  const stop = async () => {
    control.close();
    await billing.close();
  };
  stopOnSignal(stop);
  const input = fstatSync(0);
  if (input.isFIFO() || input.isSocket()) {
    // Started by a test run that is killed: its end of the pipe closes.
    process.stdin.once('end', () => void stop().then(() => process.exit(0))).resume();
  }
  const { url, stripeUrl: stripe, env } = billing;
  process.stdout.write(`${JSON.stringify({ control: control.url, url, stripe, env })}\n`);
}
