import { parseArgs } from 'node:util';
import { examine, type Finding } from '../server/operations/doctor/examine.ts';
import { LocalStripeDown } from './stripe-cli/attach.ts';
import { scriptEnvironment } from './script-environment.ts';

const HELP = `Looks a deployment over: what is configured, what is at Stripe, and what the database says.

  npm run doctor

It changes nothing. For each problem it says what is so and what to do. Without STRIPE_SECRET_KEY it looks at the local
deployment of \`npm start\`, which must be running.

  --webhook-url URL  where Stripe delivers events (default: APP_URL/api/webhooks/stripe)
  --data DIR         where npm start keeps the local deployment (default: data)
  --strict           warnings count as problems
  --json             print one JSON document: {healthy, findings: [{check, level, code, message, fix}]}
  --help             this text

Exit 1 when there is a problem.
`;

const { values } = parseArgs({
  options: {
    'webhook-url': { type: 'string' },
    data: { type: 'string', default: 'data' },
    strict: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const MARKS = { ok: 'ok  ', warning: 'WARN', problem: 'FAIL' };

if (values.help) process.stdout.write(HELP);
else {
  try {
    process.exitCode = await main();
  } catch (error) {
    if (!(error instanceof LocalStripeDown)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}

async function main(): Promise<number> {
  const { env, webhookUrl } = await scriptEnvironment(values.data);
  const findings = await examine({
    env,
    webhookUrl: values['webhook-url'] ?? webhookUrl ?? undefined,
    onFinding: (finding) => values.json || console.log(wordsOf(finding)),
  });
  const bad = (finding: Finding) =>
    finding.level === 'problem' || (values.strict && finding.level === 'warning');
  const problems = findings.filter(bad).length;
  if (values.json) console.log(JSON.stringify({ healthy: problems === 0, findings }, null, 2));
  else console.log(problems === 0 ? '\nHealthy.' : `\n${problems} to fix.`);
  return problems === 0 ? 0 : 1;
}

function wordsOf({ check, level, message, fix }: Finding): string {
  const line = `${MARKS[level]} ${check.padEnd(17)} ${message}`;
  return level === 'ok' ? line : `${line}\n${' '.repeat(23)}→ ${fix}`;
}
