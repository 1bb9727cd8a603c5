import { BillingProvider, useBilling, useCheckoutReturn } from 'tenure/react';

export function Welcome({ sessionId }: { sessionId?: string }) {
  return (
    <BillingProvider>
      <Bought sessionId={sessionId} />
    </BillingProvider>
  );
}

function Bought({ sessionId }: { sessionId?: string }) {
  const { isLoading, error } = useCheckoutReturn(sessionId);
  const { subscription } = useBilling();
  if (isLoading) return <p>One moment…</p>;
  if (error) return <p role="alert">{error.message}</p>;
  return <h1>Welcome to {subscription?.plan}</h1>;
}
