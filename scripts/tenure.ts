#!/usr/bin/env node
import { explain } from './explain-error.ts';

interface Command {
  does: string;
  run: () => Promise<unknown>;
}

/** Every command: a script of the same name, which says more with --help. */
const COMMANDS: Record<string, Command> = {
  start: {
    does: 'the server, with a local Stripe unless STRIPE_SECRET_KEY is set',
    run: () => import('./start.ts'),
  },
  serve: { does: 'the server for production', run: () => import('./serve.ts') },
  emulator: { does: 'the local Stripe alone', run: () => import('./emulator.ts') },
  testing: {
    does: 'a local Stripe and a server for a test run, with control over HTTP',
    run: () => import('./testing.ts'),
  },
  chaos: {
    does: 'plays subscriptions at any webhook handler, and reports what it gets wrong',
    run: () => import('./chaos.ts'),
  },
  setup: {
    does: 'products, prices, portal and webhook endpoint at Stripe, from the plans file',
    run: () => import('./setup-stripe.ts'),
  },
  migrate: { does: 'brings the database to this release', run: () => import('./migrate.ts') },
  doctor: {
    does: 'checks a deployment and says what to fix',
    run: () => import('./doctor.ts'),
  },
  verify: {
    does: 'compares the database with Stripe; --repair stores what Stripe says',
    run: () => import('./verify.ts'),
  },
  replay: {
    does: 'processes stored events again, and fetches those that never arrived',
    run: () => import('./replay.ts'),
  },
  restored: {
    does: 'notes that the database was restored, so that no one is told twice',
    run: () => import('./restored.ts'),
  },
  import: {
    does: 'takes the subscribers of an existing Stripe account over',
    run: () => import('./import.ts'),
  },
  link: { does: 'gives a Stripe customer to an account', run: () => import('./link.ts') },
  export: { does: 'gives all that is stored of an account', run: () => import('./export.ts') },
  forget: {
    does: 'takes personal data of an account out of the database',
    run: () => import('./forget.ts'),
  },
  act: {
    does: 'does for an account what operators do: refund, credit, cancel, extend a trial, …',
    run: () => import('./act.ts'),
  },
  machine: {
    does: 'the state machine for an editor or a document: Mermaid, Stately, JSON',
    run: () => import('./machine.ts'),
  },
  backtest: {
    does: 'what other rules of grace, dunning and disputes would have done to the recorded history',
    run: () => import('./backtest.ts'),
  },
  'migrate-plan': {
    does: 'moves all subscriptions of one price to another',
    run: () => import('./migrate-plan.ts'),
  },
};

const [name = 'help', ...args] = process.argv.slice(2);

// A reader such as `head` may go before all is printed: the work is finished all the same.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});
// A server that crashes shows its stack.
if (!['start', 'serve', 'emulator'].includes(name)) {
  process.on('uncaughtException', fail);
  process.on('unhandledRejection', fail);
}

if (['help', '--help', '-h'].includes(name)) {
  console.log(help());
} else if (!Object.hasOwn(COMMANDS, name)) {
  console.error(`There is no command "${name}". tenure help lists them.`);
  process.exitCode = 2;
} else {
  process.argv.splice(2, Infinity, ...args);
  try {
    await COMMANDS[name]!.run();
  } catch (error) {
    fail(error);
  }
}

function fail(error: unknown): never {
  const { message, code } = explain(error, `tenure ${name}`);
  console.error(process.env['TENURE_DEBUG'] ? error : message);
  process.exit(code);
}

function help(): string {
  const rows = Object.entries(COMMANDS).map(([each, { does }]) => `  ${each.padEnd(13)} ${does}`);
  return [
    'tenure COMMAND [OPTIONS]',
    '',
    ...rows,
    '',
    'tenure COMMAND --help says more. In a clone each is an npm script: npm run doctor -- --json.',
  ].join('\n');
}
