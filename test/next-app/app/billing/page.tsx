import { billing } from '@/lib/billing';

type Props = { searchParams: Promise<{ reason?: string }> };

export default async function Billing({ searchParams }: Props) {
  const { reason } = await searchParams;
  const subscription = await billing.getSubscription();
  return (
    <>
      <h1>Your plan: {subscription?.plan ?? 'none yet'}</h1>
      <p>State: {subscription?.state ?? 'none'}</p>
      {reason && <p role="alert">{reason}</p>}
    </>
  );
}
