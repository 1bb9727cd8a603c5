import { parseArgs } from 'node:util';
import { CannotForget, forgetAccount } from '../server/operations/forget-account.ts';
import { scriptActor, scriptServices } from './script-services.ts';

const HELP = `Takes personal data of an account out of the database: e-mail, name, and what events and mails say of the customer.

  npm run forget -- ACCOUNT --yes

The history stays, by id: states, times and amounts. An account with a live subscription is refused. Stripe is not
asked to forget: delete the customer there first, because Stripe sends its data once more when that is done.

  --yes       do it; without, only say what would be done
  --json      print the result as JSON
  --data DIR  where npm start keeps the local deployment (default: data)
  --help      this text
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    yes: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    data: { type: 'string', default: 'data' },
    help: { type: 'boolean', default: false },
  },
});
const [accountId] = positionals;

if (values.help) process.stdout.write(HELP);
else if (!accountId || positionals.length > 1) {
  console.error('Name an account: npm run forget -- ACCOUNT');
  process.exitCode = 2;
} else if (!values.yes) {
  console.error(
    `This cannot be undone. To forget ${accountId}: npm run forget -- ${accountId} --yes`,
  );
  process.exitCode = 2;
} else process.exitCode = await forget(accountId);

async function forget(account: string): Promise<number> {
  const services = await scriptServices(values.data);
  try {
    const result = await forgetAccount(services, { accountId: account, actor: scriptActor() });
    const left =
      result.customerIds.length === 0 ? '' : ` At Stripe: ${result.customerIds.join(', ')}.`;
    console.log(
      values.json
        ? JSON.stringify(result)
        : `${account} is forgotten: ${result.redacted} events, mails and lines were redacted.${left}`,
    );
    return 0;
  } catch (error) {
    if (!(error instanceof CannotForget)) throw error;
    console.error(error.message);
    return 1;
  } finally {
    await services.close();
  }
}
