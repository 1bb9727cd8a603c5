import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import { invalidRequest } from '../kernel/errors.ts';
import { newId } from '../kernel/ids.ts';
import { listStored, nestedList } from '../kernel/lists.ts';
import { mergeMetadata } from '../kernel/metadata.ts';
import { p, PAGE } from '../kernel/params.ts';
import type { Registry } from '../kernel/registry.ts';

const money = {
  amount: p.required(p.amount),
  currency: p.required(p.currency),
  description: p.str,
  metadata: p.metadata,
};
const change = { metadata: p.metadata, description: p.str };
const DAY = 86_400;

/** Money in and out of the account: payouts, top-ups, transfers. They settle at once; no bank stands behind them. */
export function registerMoneyMovement(registry: Registry): void {
  registerPayouts(registry);
  registerTopups(registry);
  registerTransfers(registry);
}

function registerPayouts(registry: Registry): void {
  const creation = {
    ...money,
    destination: p.str,
    method: p.oneOf(['instant', 'standard']),
    source_type: p.str,
    statement_descriptor: p.str,
  };
  registry.post('/v1/payouts', creation, (ctx, params) => {
    const now = ctx.now();
    const payout = ctx.add('payout', {
      id: ctx.store.newId('payout'),
      object: 'payout',
      amount: params.amount,
      application_fee: null,
      application_fee_amount: null,
      arrival_date: now + DAY,
      automatic: false,
      balance_transaction: null,
      created: now,
      currency: params.currency,
      description: params.description ?? null,
      destination: params.destination ?? null,
      failure_balance_transaction: null,
      failure_code: null,
      failure_message: null,
      livemode: false,
      metadata: mergeMetadata({}, params.metadata),
      method: params.method ?? 'standard',
      original_payout: null,
      payout_method: null,
      reconciliation_status: 'not_applicable',
      reversed_by: null,
      source_type: params.source_type ?? 'card',
      statement_descriptor: params.statement_descriptor ?? null,
      status: 'pending',
      trace_id: null,
      type: 'bank_account',
    });
    ctx.emit('payout.created', payout);
    return payout;
  });
  registry.get('/v1/payouts', { ...PAGE, created: p.timeRange, status: p.str }, (ctx, page) =>
    listStored(ctx, 'payout', {
      url: '/v1/payouts',
      page,
      where: ({ status }) => page.status === undefined || status === page.status,
    }),
  );
  registry.get('/v1/payouts/:id', {}, (ctx, _params, { id }) => ctx.store.need('payout', id));
  registry.post('/v1/payouts/:id', { metadata: p.metadata }, (ctx, params, { id }) => {
    const payout = ctx.store.need('payout', id);
    return ctx.update('payout', payout, {
      event: 'payout.updated',
      apply() {
        payout.metadata = mergeMetadata(payout.metadata ?? {}, params.metadata);
      },
    });
  });
}

function registerTopups(registry: Registry): void {
  const creation = { ...money, source: p.str, statement_descriptor: p.str, transfer_group: p.str };
  registry.post('/v1/topups', creation, (ctx, params) => {
    const now = ctx.now();
    const topup = ctx.add('topup', {
      id: ctx.store.newId('topup'),
      object: 'topup',
      amount: params.amount,
      balance_transaction: null,
      created: now,
      currency: params.currency,
      description: params.description ?? null,
      expected_availability_date: now + 2 * DAY,
      failure_code: null,
      failure_message: null,
      initiated_by: null,
      livemode: false,
      metadata: mergeMetadata({}, params.metadata),
      source: null,
      statement_descriptor: params.statement_descriptor ?? null,
      status: 'pending',
      transfer_group: params.transfer_group ?? null,
    });
    ctx.emit('topup.created', topup);
    return topup;
  });
  registry.get('/v1/topups', { ...PAGE, created: p.timeRange }, (ctx, page) =>
    listStored(ctx, 'topup', { url: '/v1/topups', page }),
  );
  registry.get('/v1/topups/:id', {}, (ctx, _params, { id }) => ctx.store.need('topup', id));
}

function registerTransfers(registry: Registry): void {
  const creation = {
    ...money,
    destination: p.required(p.str),
    source_transaction: p.str,
    source_type: p.str,
    transfer_group: p.str,
  };
  registry.post('/v1/transfers', creation, (ctx, params) => {
    const id = ctx.store.newId('transfer');
    const transfer = ctx.add('transfer', {
      id,
      object: 'transfer',
      amount: params.amount,
      amount_reversed: 0,
      balance_transaction: null,
      created: ctx.now(),
      currency: params.currency,
      description: params.description ?? null,
      destination: ctx.store.need('account', params.destination, 'destination').id,
      livemode: false,
      metadata: mergeMetadata({}, params.metadata),
      reversals: nestedList([], `/v1/transfers/${id}/reversals`),
      reversed: false,
      source_transaction: params.source_transaction ?? null,
      source_type: params.source_type ?? 'card',
      transfer_group: params.transfer_group ?? null,
    });
    ctx.emit('transfer.created', transfer);
    return transfer;
  });
  registry.get('/v1/transfers', { ...PAGE, created: p.timeRange }, (ctx, page) =>
    listStored(ctx, 'transfer', { url: '/v1/transfers', page }),
  );
  registry.get('/v1/transfers/:id', {}, (ctx, _params, { id }) => ctx.store.need('transfer', id));
  registry.post('/v1/transfers/:id', change, (ctx, params, { id }) => {
    const transfer = ctx.store.need('transfer', id);
    return ctx.update('transfer', transfer, {
      event: 'transfer.updated',
      apply() {
        transfer.metadata = mergeMetadata(transfer.metadata, params.metadata);
        transfer.description = params.description ?? transfer.description;
      },
    });
  });
  const reversal = {
    amount: p.amount,
    description: p.str,
    metadata: p.metadata,
    refund_application_fee: p.unserved,
  };
  registry.post('/v1/transfers/:id/reversals', reversal, (ctx, params, { id }) =>
    reverse(ctx, ctx.store.need('transfer', id), {
      amount: params.amount,
      metadata: mergeMetadata({}, params.metadata),
    }),
  );
}

function reverse(
  ctx: Context,
  transfer: Stripe.Transfer,
  request: { amount: number | undefined; metadata: Record<string, string> },
): Stripe.TransferReversal {
  const left = transfer.amount - transfer.amount_reversed;
  const amount = request.amount ?? left;
  if (amount > left || left === 0) {
    throw invalidRequest(
      `Reversal amount (${amount}) is greater than the unreversed amount of the transfer (${left}).`,
      { param: 'amount' },
    );
  }
  const reversal: Stripe.TransferReversal = {
    id: newId('trr'),
    object: 'transfer_reversal',
    amount,
    balance_transaction: null,
    created: ctx.now(),
    currency: transfer.currency,
    destination_payment_refund: null,
    metadata: request.metadata,
    source_refund: null,
    transfer: transfer.id,
  };
  ctx.update('transfer', transfer, {
    event: 'transfer.reversed',
    apply() {
      transfer.amount_reversed += amount;
      transfer.reversed = transfer.amount_reversed === transfer.amount;
      transfer.reversals.data.unshift(reversal);
    },
  });
  return reversal;
}
