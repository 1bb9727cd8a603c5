import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const HELP = `Lets everything happen to real server processes, for as long as asked, and compares with Stripe after each round.

  npm run chaos:soak -- --minutes 20
  npm run chaos:soak -- --hours 5

Two servers on one PostgreSQL, then one on SQLite, half of the time each, on a local Stripe: stopped (SIGSTOP), killed,
cut off from the database or Stripe, with silent connections, locked rows, wrong clocks (with Debian's faketime), refused
calls and mails, lost and duplicated events, as the older release while a newer one migrates, in random combinations. It ends by itself: with 0 when nothing was wrong.

  --hours N    how long, in hours
  --minutes N  the same in minutes (default: 20)
  --seed N     the troubles of an earlier run
  --only DB    postgres or sqlite
  --help       this text
`;

const { values } = parseArgs({
  options: {
    hours: { type: 'string' },
    minutes: { type: 'string' },
    seed: { type: 'string' },
    only: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) process.stdout.write(HELP);
else process.exitCode = run();

function run(): number {
  const minutes = values.hours ? Number(values.hours) * 60 : Number(values.minutes ?? 20);
  const seed = Number(values.seed ?? Math.floor(Math.random() * 1e9));
  if (!(minutes > 0) || !Number.isFinite(seed)) {
    process.stderr.write('--hours, --minutes and --seed are numbers; see --help.\n');
    return 2;
  }
  process.stdout.write(`${minutes} minutes, seed ${seed}\n`);
  const args = ['vitest', 'run', 'test/server/soak', '--reporter=verbose'];
  const { status } = spawnSync('npx', args, {
    stdio: 'inherit',
    env: {
      ...process.env,
      TENURE_SOAK_MINUTES: String(minutes),
      TENURE_TEST_SEED: String(seed),
      ...(values.only && { TENURE_SOAK_ONLY: values.only }),
    },
  });
  return status ?? 1;
}
