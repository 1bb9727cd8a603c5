import type Stripe from 'stripe';
import { isOpen, ledgerBalance, monetary, recordEntry } from '../balance/credit-grants.ts';
import type { Context } from '../kernel/context.ts';
import { invalidRequest } from '../kernel/errors.ts';
import { idOf } from '../kernel/ids.ts';
import { listStored } from '../kernel/lists.ts';
import { mergeMetadata } from '../kernel/metadata.ts';
import { p, PAGE, paramsOf, type Values } from '../kernel/params.ts';
import type { Registry } from '../kernel/registry.ts';

type Grant = Stripe.Billing.CreditGrant;
const scope = p.obj({
  price_type: p.oneOf(['metered']),
  prices: p.arr(p.obj({ id: p.required(p.str) })),
});
const createParams = paramsOf<Stripe.Billing.CreditGrantCreateParams>()({
  amount: p.required(
    p.obj({
      type: p.required(p.oneOf(['monetary'])),
      monetary: p.obj({ currency: p.required(p.currency), value: p.required(p.int) }),
    }),
  ),
  applicability_config: p.required(p.obj({ scope: p.required(scope) })),
  category: p.oneOf(['paid', 'promotional']),
  customer: p.str,
  customer_account: p.unserved,
  effective_at: p.timestamp,
  expires_at: p.timestamp,
  metadata: p.metadata,
  name: p.str,
  priority: p.int,
});
const updateParams = { expires_at: p.clearable(p.timestamp), metadata: p.metadata };
const summaryParams = {
  customer: p.required(p.str),
  customer_account: p.unserved,
  filter: p.required(
    p.obj({
      type: p.required(p.oneOf(['applicability_scope', 'credit_grant'])),
      applicability_scope: scope,
      credit_grant: p.str,
    }),
  ),
};
const JOB = 'billing.credit_grant.expire';

/** Credit grants, their balance and ledger: `/v1/billing/credit_…`. */
export function registerCreditGrants(registry: Registry): void {
  registry.post('/v1/billing/credit_grants', createParams, createGrant);
  registry.get(
    '/v1/billing/credit_grants',
    { ...PAGE, customer: p.str, customer_account: p.unserved },
    (ctx, params) =>
      listStored(ctx, 'billing.credit_grant', {
        url: '/v1/billing/credit_grants',
        page: params,
        where: (grant) => params.customer === undefined || idOf(grant.customer) === params.customer,
      }),
  );
  registry.get('/v1/billing/credit_grants/:id', {}, (ctx, _params, { id }) =>
    ctx.store.need('billing.credit_grant', id),
  );
  registry.post('/v1/billing/credit_grants/:id', updateParams, (ctx, params, { id }) =>
    change(ctx, ctx.store.need('billing.credit_grant', id), (grant) => {
      grant.metadata = mergeMetadata(grant.metadata, params.metadata);
      if (params.expires_at !== undefined) grant.expires_at = params.expires_at;
    }),
  );
  registry.post('/v1/billing/credit_grants/:id/expire', {}, (ctx, _params, { id }) => {
    const grant = ctx.store.need('billing.credit_grant', id);
    const now = ctx.nowFor(idOf(grant.customer));
    refuseClosed(grant, now);
    writeOff(ctx, grant, 'credits_expired');
    return change(ctx, grant, () => {
      grant.expires_at = now;
    });
  });
  registry.post('/v1/billing/credit_grants/:id/void', {}, (ctx, _params, { id }) => {
    const grant = ctx.store.need('billing.credit_grant', id);
    const now = ctx.nowFor(idOf(grant.customer));
    refuseClosed(grant, now);
    writeOff(ctx, grant, 'credits_voided');
    return change(ctx, grant, () => {
      grant.voided_at = now;
    });
  });
  registry.get('/v1/billing/credit_balance_summary', summaryParams, summary);
  registerLedger(registry);
  registry.job(JOB, (ctx, id) => {
    const grant = ctx.store.find('billing.credit_grant', id);
    if (grant !== undefined && grant.voided_at === null) writeOff(ctx, grant, 'credits_expired');
  });
}

function registerLedger(registry: Registry): void {
  const url = '/v1/billing/credit_balance_transactions';
  const params = { ...PAGE, customer: p.str, customer_account: p.unserved, credit_grant: p.str };
  registry.get('/v1/billing/credit_balance_transactions', params, (ctx, given) =>
    listStored(ctx, 'billing.credit_balance_transaction', {
      url,
      page: given,
      where: (entry) => {
        const grant = ctx.store.find('billing.credit_grant', idOf(entry.credit_grant));
        return (
          (given.credit_grant === undefined || grant?.id === given.credit_grant) &&
          (given.customer === undefined || idOf(grant?.customer) === given.customer)
        );
      },
    }),
  );
  registry.get('/v1/billing/credit_balance_transactions/:id', {}, (ctx, _params, { id }) =>
    ctx.store.need('billing.credit_balance_transaction', id),
  );
}

function createGrant(ctx: Context, params: Values<typeof createParams>): Grant {
  const { monetary: amount } = params.amount;
  if (amount === undefined || params.customer === undefined) {
    const param = amount === undefined ? 'amount[monetary]' : 'customer';
    throw invalidRequest(`Missing required param: ${param}.`, { param, code: 'parameter_missing' });
  }
  if (amount.value <= 0)
    throw invalidRequest('Invalid positive integer', { param: 'amount[monetary][value]' });
  ctx.store.need('customer', params.customer, 'customer');
  const now = ctx.nowFor(params.customer);
  const { price_type: priceType, prices } = params.applicability_config.scope;
  const grant = ctx.add('billing.credit_grant', {
    id: ctx.store.newId('billing.credit_grant'),
    object: 'billing.credit_grant',
    amount: { monetary: amount, type: 'monetary' },
    applicability_config: {
      scope: {
        ...(priceType === undefined ? {} : { price_type: priceType }),
        ...(prices === undefined ? {} : { prices }),
      },
    },
    category: params.category ?? 'paid',
    created: now,
    customer: params.customer,
    customer_account: null,
    effective_at: params.effective_at ?? now,
    expires_at: params.expires_at ?? null,
    livemode: false,
    metadata: mergeMetadata({}, params.metadata),
    name: params.name ?? null,
    priority: params.priority ?? 50,
    test_clock: ctx.clockOf(params.customer),
    updated: now,
    voided_at: null,
  });
  ctx.emit('billing.credit_grant.created', grant);
  recordEntry(ctx, grant, {
    credit: {
      amount: monetary(grant, amount.value),
      credits_application_invoice_voided: null,
      type: 'credits_granted',
    },
    debit: null,
  });
  planExpiry(ctx, grant);
  return grant;
}

function planExpiry(ctx: Context, grant: Grant): void {
  ctx.unschedule(JOB, grant.id);
  if (grant.expires_at !== null)
    ctx.schedule(grant.expires_at, ctx.clockOf(idOf(grant.customer)), { job: JOB, ref: grant.id });
}

function change(ctx: Context, grant: Grant, apply: (grant: Grant) => void): Grant {
  ctx.update('billing.credit_grant', grant, {
    event: 'billing.credit_grant.updated',
    apply() {
      apply(grant);
      grant.updated = ctx.nowFor(idOf(grant.customer));
    },
  });
  planExpiry(ctx, grant);
  return grant;
}

function refuseClosed(grant: Grant, now: number): void {
  if (isOpen(grant, now)) return;
  throw invalidRequest('This credit grant is already expired or voided.');
}

function writeOff(ctx: Context, grant: Grant, type: 'credits_expired' | 'credits_voided'): void {
  const left = ledgerBalance(ctx, grant);
  if (left <= 0) return;
  recordEntry(ctx, grant, {
    credit: null,
    debit: { amount: monetary(grant, left), credits_applied: null, type },
  });
}

function summary(
  ctx: Context,
  params: Values<typeof summaryParams>,
): Stripe.Billing.CreditBalanceSummary {
  ctx.store.need('customer', params.customer, 'customer');
  const now = ctx.nowFor(params.customer);
  const grants = ctx.store
    .by('billing.credit_grant', 'customer', params.customer)
    .filter(
      (grant) =>
        params.filter.credit_grant === undefined || grant.id === params.filter.credit_grant,
    );
  const totals = new Map<string, { available: number; ledger: number }>();
  for (const grant of grants) {
    const currency = grant.amount.monetary?.currency ?? 'usd';
    const total = totals.get(currency) ?? { available: 0, ledger: 0 };
    const left = ledgerBalance(ctx, grant);
    total.ledger += left;
    if (isOpen(grant, now)) total.available += left;
    totals.set(currency, total);
  }
  return {
    object: 'billing.credit_balance_summary',
    balances: [...totals].map(([currency, total]) => ({
      available_balance: { monetary: { currency, value: total.available }, type: 'monetary' },
      ledger_balance: { monetary: { currency, value: total.ledger }, type: 'monetary' },
    })),
    customer: params.customer,
    customer_account: null,
    livemode: false,
  };
}
