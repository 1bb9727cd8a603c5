import { parseArgs } from 'node:util';
import { linkAccount, NoSuchCustomer } from '../server/operations/link.ts';
import { auditScript, scriptActor, scriptServices } from './script-services.ts';

const HELP = `Gives a Stripe customer to an account, with its subscriptions.

  npm run link -- ACCOUNT CUSTOMER
  npm run link -- team-7 cus_NffrFeUfNV2Hib --mark

What was linked before is replaced, and conflicts about either are settled.

  --mark   write our mark into the customer's metadata at Stripe, so that a lost database can be rebuilt
  --data DIR where npm start keeps the local deployment (default: data)
  --json   print the result as JSON
  --help   this text
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    mark: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    data: { type: 'string', default: 'data' },
    help: { type: 'boolean', default: false },
  },
});
const [accountId, customerId] = positionals;

if (values.help) process.stdout.write(HELP);
else if (!accountId || !customerId?.startsWith('cus_') || positionals.length > 2) {
  console.error('Name an account and a customer: npm run link -- ACCOUNT cus_…');
  process.exitCode = 2;
} else process.exitCode = await link({ accountId, customerId });

async function link(wanted: { accountId: string; customerId: string }): Promise<number> {
  const services = await scriptServices(values.data);
  try {
    const result = await linkAccount(services, {
      actor: scriptActor(),
      mark: values.mark,
      ...wanted,
    });
    await auditScript(services, {
      action: 'link',
      target: wanted.customerId,
      detail: { account: wanted.accountId, replaced: result.replaced },
    });
    const before = result.replaced === null ? '' : `, in place of ${result.replaced}`;
    console.log(
      values.json
        ? JSON.stringify(result)
        : `${wanted.customerId} is ${wanted.accountId}'s${before}; ${result.subscriptions} subscriptions read.`,
    );
    return 0;
  } catch (error) {
    if (!(error instanceof NoSuchCustomer)) throw error;
    console.error(error.message);
    return 1;
  } finally {
    await services.close();
  }
}
