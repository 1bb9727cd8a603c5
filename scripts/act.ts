import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import { ACT_ROUTES } from '../server/admin/acts/index.ts';
import { createHandler } from '../server/app/route-list.ts';
import { answerOf, ApiRefusal } from '../server/http/api-answer.ts';
import { scriptActor, scriptServices } from './script-services.ts';

const PREFIX = '/admin/api/accounts/:id/';

const HELP = `Does for an account what operators do on its page: the same acts, rules and audit.

  npm run act -- ACCOUNT ACT [BODY] [--key KEY]
  npm run act -- user_1 refunds/preview '{"payment": "in_1Abc"}'
  npm run act -- user_1 refunds '{"payment": "in_1Abc", "amount": 500}' --key refund-ticket-812
  npm run act -- user_1 subscription/cancel '{"when": "period_end"}'

The answer is printed as JSON. With 1 it ends when the act was refused, in words.

  --key KEY  sent twice under one key it acts once (default: a new one)
  --list     print every act
  --data DIR where npm start keeps the local deployment (default: data)
  --help     this text

What each body holds: docs/operators.md, and /openapi.json of the server.
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    key: { type: 'string' },
    list: { type: 'boolean', default: false },
    data: { type: 'string', default: 'data' },
    help: { type: 'boolean', default: false },
  },
});
const [accountId, name, body = '{}'] = positionals;

if (values.help) process.stdout.write(HELP);
else if (values.list) process.stdout.write(list());
else if (accountId === undefined || name === undefined || positionals.length > 3) {
  refuse('Name an account and an act: npm run act -- ACCOUNT ACT [BODY]; --list prints the acts');
} else if (!isObject(body)) {
  refuse(`The body must be a JSON object in quotes, such as '{"amount": 500}'`);
} else process.exitCode = await act(accountId, name);

function list(): string {
  const rows = ACT_ROUTES.map(({ path, summary }) => [path.slice(PREFIX.length), summary] as const);
  const width = Math.max(...rows.map(([path]) => path.length));
  return rows.map(([path, summary]) => `${path.padEnd(width)}  ${summary}\n`).join('');
}

function refuse(words: string): void {
  console.error(words);
  process.exitCode = 2;
}

function isObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

/** Asks the admin API in this process, as an operator of its own who has the name of the user. */
async function act(account: string, path: string): Promise<number> {
  const services = await scriptServices(values.data);
  const token = randomBytes(32).toString('base64url');
  const tokenHash = createHash('sha256').update(token).digest('hex');
  const operator = { name: scriptActor(), role: 'admin', tokenHash } as const;
  const { config } = services;
  const handle = createHandler({
    ...services,
    config: { ...config, operators: [...config.operators, operator] },
  });
  const url = new URL(
    `${PREFIX.replace(':id', encodeURIComponent(account))}${path}`,
    config.http.appUrl,
  );
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    'idempotency-key': values.key ?? randomUUID(),
  };
  try {
    const method = path === 'notes' && body === '{}' ? 'GET' : 'POST';
    const answer = await handle(
      new Request(url, { method, headers, body: method === 'GET' ? null : body }),
    );
    process.stdout.write(`${JSON.stringify(await answerOf(answer), null, 2)}\n`);
    return 0;
  } catch (error) {
    if (!(error instanceof ApiRefusal)) throw error;
    const hint = error.status === 404 ? ' (--list prints the acts)' : '';
    console.error(`${error.message}${hint}`);
    return 1;
  } finally {
    await services.close();
  }
}
