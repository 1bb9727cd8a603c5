import { useState } from 'react';
import { BillingProvider, useAccess, useBilling } from 'tenure/react';

const YEARLY = { plan: 'pro', interval: 'yearly' };

export function AccountPanel() {
  return (
    <BillingProvider>
      <Plan />
      <Exports />
    </BillingProvider>
  );
}

function Plan() {
  const billing = useBilling();
  const { subscription, pending, can } = billing;
  const [quote, setQuote] = useState<{ amountDue: number; currency: string; at: string | null }>();
  const [refusal, setRefusal] = useState('');

  // Commands do not throw: what was refused is in the result, in words.
  const act = async (command: Promise<{ error?: { message: string } }>) => {
    const { error } = await command;
    setRefusal(error?.message ?? '');
    setQuote(undefined);
  };
  const ask = async () => {
    const { data, error } = await billing.preview(YEARLY);
    setRefusal(error?.message ?? '');
    if (data?.command === 'change') setQuote({ ...data, at: data.prorationDate });
  };

  if (billing.isLoading) return <p>One moment…</p>;
  if (billing.error) return <p role="alert">{billing.error.message}</p>;
  return (
    <section>
      <h2>{subscription ? `${subscription.plan}, ${subscription.state}` : 'No plan yet'}</h2>
      {refusal && <p role="alert">{refusal}</p>}
      <fieldset disabled={pending !== null}>
        {!subscription && (
          <button onClick={() => act(billing.checkout({ plan: 'pro', interval: 'monthly' }))}>
            Subscribe
          </button>
        )}
        {can('change') && !quote && <button onClick={ask}>Pay by the year</button>}
        {quote && (
          <button onClick={() => act(billing.change({ ...YEARLY, prorationDate: quote.at }))}>
            Pay {(quote.amountDue / 100).toFixed(2)} {quote.currency.toUpperCase()} now
          </button>
        )}
        {can('cancel') && <button onClick={() => act(billing.cancel())}>Cancel</button>}
        {can('resume') && <button onClick={() => act(billing.resume())}>Stay</button>}
        {subscription && <button onClick={() => act(billing.portal())}>Cards and invoices</button>}
      </fieldset>
    </section>
  );
}

function Exports() {
  const { allowed, isLoading } = useAccess('api_access');
  if (isLoading) return null;
  return <p>{allowed ? 'You may use the API.' : 'The API comes with Pro.'}</p>;
}
