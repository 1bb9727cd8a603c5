import type { Stripe } from 'stripe';
import { isGatewayError } from '../../../adapters/stripe-gateway.ts';
import type { MigrationItem } from '../../../db/plan-migrations.ts';
import { migrationStep } from '../../../state/plan-migration.ts';
import { readSubscription } from '../../../state/subscription-facts.ts';
import {
  ALREADY_THERE,
  changeOf,
  quantityFor,
  scheduleEnds,
  startOf,
  type MigrationRun,
} from './change-one.ts';
import { payerOf } from './payer-of.ts';

/** What the change of one subscription would be and cost; nothing is changed. */
export async function previewOne(
  run: MigrationRun,
  listed: { id: string; customerId: string },
): Promise<MigrationItem> {
  const item: MigrationItem = {
    subscriptionId: listed.id,
    customerId: listed.customerId,
    status: 'pending',
    attempt: 1,
    prorationAt: null,
    before: null,
    result: null,
    reason: null,
  };
  const subscription = await run.ask((stripe) => stripe.retrieveSubscription(listed.id));
  const facts = readSubscription(subscription);
  const payer = await payerOf(run.services, facts);
  if (payer.accountId === null) return { ...item, status: 'skipped', reason: payer.why };
  let step = migrationStep(facts, run.rule, scheduleEnds(subscription));
  // What comes after the schedule is out of the way.
  if (step.do === 'release') step = migrationStep({ ...facts, scheduleId: null }, run.rule, false);
  if (step.do === 'skip') return { ...item, status: 'skipped', reason: step.why };
  if (step.do === 'nothing') return { ...item, status: 'skipped', reason: ALREADY_THERE };
  if (step.do === 'billing_mode' || step.do === 'release')
    return { ...item, result: { billingMode: 'flexible' } };
  const quantity = quantityFor(run, step, listed.id);
  if (quantity === undefined) {
    return { ...item, status: 'skipped', reason: 'the file of quantities does not name it' };
  }
  const now = await run.now(subscription);
  const change = changeOf(run, { subscription, step, quantity, prorationAt: now });
  const before = { quantity: step.item.quantity };
  try {
    const next = await run.ask((stripe) =>
      stripe.previewMigration({ ...change, proration: 'none' }),
    );
    if (step.do === 'schedule') {
      const effectiveAt = startOf(run, { subscription, step, now }) * 1000;
      const result = {
        quantity,
        effectiveAt,
        charged: 0,
        next: next.total,
        currency: next.currency,
      };
      return { ...item, before, result };
    }
    const invoice =
      change.proration === 'none' && !change.restartPeriod
        ? null
        : await run.ask((stripe) => stripe.previewMigration(change));
    const atOnce = change.proration === 'always_invoice' || change.restartPeriod;
    return {
      ...item,
      before,
      prorationAt: now,
      result: {
        quantity,
        effectiveAt: now,
        ...prorationOf(invoice),
        charged: atOnce ? (invoice?.total ?? 0) : 0,
        next: next.total,
        currency: next.currency,
      },
    };
  } catch (error) {
    if (!isGatewayError(error)) throw error;
    return { ...item, before, status: 'failed', reason: error.message };
  }
}

/** Credit for what was paid and not used, and what is charged for the rest of the period; both without tax. */
function prorationOf(invoice: Stripe.Invoice | null): { credit: number; debit: number } {
  const amounts = (invoice?.lines.data ?? [])
    .filter(({ parent }) => {
      const details = parent?.invoice_item_details ?? parent?.subscription_item_details;
      return details?.proration === true;
    })
    .map(({ amount }) => amount);
  const sum = (some: number[]) => some.reduce((total, amount) => total + amount, 0);
  return {
    credit: -sum(amounts.filter((amount) => amount < 0)),
    debit: sum(amounts.filter((amount) => amount > 0)),
  };
}
