import { billing } from '@/lib/billing';

async function exportReports() {
  'use server';
  const { user } = await billing.requireFeature('api_access');
  process.stdout.write(`exported for ${user.id}\n`);
}

export default function Actions() {
  return (
    <form action={exportReports}>
      <button>Export</button>
    </form>
  );
}
