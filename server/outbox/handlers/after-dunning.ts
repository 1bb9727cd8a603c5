import { randomUUID } from 'node:crypto';
import { isGatewayError } from '../../../adapters/stripe-gateway.ts';
import { settleOpenInvoices, takeOffStop } from '../../billing/open-invoices.ts';
import type { EffectPayloads } from '../../../state/effect-kinds.ts';
import type { EngineContext } from '../../sync/context.ts';
import type { CustomerRunner } from '../../sync/customer-runner.ts';

/** The open invoices of a subscription that has ended while it was not paid. Made again it finds none open. */
export async function settleInvoices(
  { core }: EngineContext,
  { subscriptionId, endedAt }: EffectPayloads['invoices.settle'],
): Promise<string | null> {
  try {
    const context = { services: core, requestId: `settle-${randomUUID()}` };
    const settled = await settleOpenInvoices(context, subscriptionId, endedAt);
    return settled === 0 ? 'no invoice was open' : null;
  } catch (error) {
    if (!isGatewayError(error, 'not_found')) throw error;
    return 'Stripe no longer has the subscription';
  }
}

/** Ends what `DUNNING_FINAL_ACTION=unpaid` began, once the debt is paid, and collects the drafts kept meanwhile. */
export async function resumeCollection(
  ctx: EngineContext,
  runner: CustomerRunner,
  { subscriptionId, customerId, invoiceId }: EffectPayloads['collection.resume'],
): Promise<string | null> {
  const context = { services: ctx.core, requestId: `unpaid-${randomUUID()}` };
  try {
    await takeOffStop(context, subscriptionId);
  } catch (error) {
    if (!isGatewayError(error, 'not_found')) throw error;
    return 'the subscription has ended already';
  }
  const id = `paid-${invoiceId}`;
  const cause = { type: 'dunning', id, actor: 'system', at: ctx.clock.now() } as const;
  await runner.sync({ subscriptionId, customerId, cause });
  return null;
}
