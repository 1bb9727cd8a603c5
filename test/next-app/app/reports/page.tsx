import { billing } from '@/lib/billing';

export default async function Reports() {
  const { user, level } = await billing.requireActiveSubscription();
  return (
    <h1>
      The reports of {user.email}, access {level}
    </h1>
  );
}
