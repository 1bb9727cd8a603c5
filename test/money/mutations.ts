/** Each fix of a known fault of money, and how it is taken out: the test that is named must then fail. */
export interface Mutation {
  /** Row of the list of faults. */
  row: string;
  file: string;
  /** What stands in the file, once, and what is put in its place. */
  from: string;
  to: string;
  /** The test that finds it: a file, and a pattern of its names. */
  by: readonly [file: string, name: string];
}

const CREDIT = 'test/money/credit.test.ts';
const ENDS = 'test/money/ends.test.ts';
const PERIOD = 'test/money/plan-period.test.ts';
const USAGE = 'test/money/usage.test.ts';
const MODEL = ['test/money/model.test.ts', 'that are known'] as const;

export const MUTATIONS: readonly Mutation[] = [
  {
    row: 'M-1',
    file: 'server/billing/cancel/route.ts',
    from: 'const at = end === null ? undefined : end / 1000;',
    to: 'const at = end === null ? undefined : undefined;',
    by: [PERIOD, 'M-1'],
  },
  {
    row: 'M-2',
    file: 'server/billing/change-plan/change-plan.ts',
    from: 'startsAt: end === null ? undefined : end / 1000,',
    to: 'startsAt: end === null ? undefined : undefined,',
    by: [PERIOD, 'M-2'],
  },
  {
    row: 'M-3 (dunning)',
    file: 'state/plan-period.ts',
    from: 'return !planInvoice || planInvoice.id === invoiceId || !planPeriodIsPaid(facts);',
    to: 'return true;',
    by: [PERIOD, 'M-3: an unpaid'],
  },
  {
    row: 'M-3 (quote)',
    file: 'server/billing/change-plan/quote.ts',
    from: 'return [...later, ...waiting].reduce(',
    to: 'return [...later.slice(0, 0), ...waiting].reduce(',
    by: [PERIOD, 'M-1: the same'],
  },
  {
    row: 'M-4',
    file: 'state/period-payment.ts',
    from: "    case 'unpaid':\n    case 'returned':\n      return false;",
    to: "    case 'unpaid':\n      return true;\n    case 'returned':\n      return false;",
    by: MODEL,
  },
  {
    row: 'M-5',
    file: 'state/period-payment.ts',
    from: "  if (status !== 'paid') return 'unpaid';",
    to: "  if (status !== 'paid' && status !== 'open') return 'unpaid';",
    by: [CREDIT, 'M-5'],
  },
  {
    row: 'M-6',
    file: 'state/period-payment.ts',
    from: "  if (status !== 'paid') return 'unpaid';",
    to: "  if (status !== 'paid' && status !== 'uncollectible') return 'unpaid';",
    by: [CREDIT, 'M-6'],
  },
  {
    row: 'M-7 (refund)',
    file: 'server/billing/period-payment.ts',
    from: 'returned: refunded + before + after,',
    to: 'returned: before + after,',
    by: [CREDIT, 'M-7'],
  },
  {
    row: 'M-7 (a free year)',
    file: 'state/period-payment.ts',
    from: "return change.billingMode === 'flexible';",
    to: 'return true;',
    by: ['test/state/period-payment.test.ts', 'free'],
  },
  {
    row: 'M-8 (access)',
    file: 'state/access.ts',
    from: "return planInvoice.status === 'void' || planInvoice.status === 'uncollectible';",
    to: 'return false;',
    by: MODEL,
  },
  {
    row: 'M-8 (usage)',
    file: 'server/billing/pause/route.ts',
    from: 'if (!hasUsage(subscription) || (resumesAt === null && isStoppable(subscription))) return;',
    to: 'if (services) return;',
    by: ['test/server/billing/pause.test.ts', 'M-8'],
  },
  {
    row: 'M-9',
    file: 'server/billing/promotion-code.ts',
    from: 'if (used.includes(coupon.id)) throw',
    to: 'if (used.length > 99) throw',
    by: MODEL,
  },
  {
    row: 'M-10 (namespace)',
    file: 'server/usage/usage.ts',
    from: "return reportedBy === 'user' ? `user\\n${idempotencyKey}` : idempotencyKey;",
    to: "return reportedBy === 'user' ? idempotencyKey : idempotencyKey;",
    by: [USAGE, 'M-10'],
  },
  {
    row: 'M-10 (quantity)',
    file: 'server/usage/usage.ts',
    from: 'own.quantity !== known.quantity ||',
    to: 'own.quantity < 0 ||',
    by: [USAGE, 'M-10'],
  },
  {
    row: 'M-11',
    file: 'server/app/route-list.ts',
    from: 'const requestId = newRequestId();',
    to: 'const requestId = given ?? newRequestId();',
    by: ['test/server/request-id.test.ts', 'M-11'],
  },
  {
    row: 'M-12 (lease)',
    file: 'server/http/idempotency.ts',
    from: 'const renew = () => renewKey(db, id, { now: clock.now(), lease: LEASE_MS });',
    to: 'const renew = () => renewKey(db, id, { now: 0, lease: LEASE_MS });',
    by: [USAGE, 'M-12'],
  },
  {
    row: 'M-13 (grace)',
    file: 'state/access.ts',
    from: 'return end === null ? latest : Math.min(end, latest);',
    to: 'return end ?? latest;',
    by: [ENDS, 'M-13'],
  },
  {
    row: 'M-13 (dunning)',
    file: 'server/outbox/overdue.ts',
    from: 'await endOverdue(ctx);',
    to: 'void endOverdue;',
    by: [ENDS, 'M-13'],
  },
  {
    row: 'M-14',
    file: 'server/billing/reactivate/route.ts',
    from: 'await settleDebts(context, former, { debts: charge.debts, card });',
    to: 'void settleDebts;',
    by: MODEL,
  },
  {
    row: 'M-16',
    file: 'server/billing/resume/undo-cancel.ts',
    from: 'const again = before?.nextPhase ?? had;',
    to: 'const again = had;',
    by: MODEL,
  },
  {
    row: 'M-17',
    file: 'server/billing/schedule.ts',
    from: 'if (isPlain || !isRunning(schedule)) return;',
    to: 'if (schedule) return;',
    by: MODEL,
  },
  {
    row: 'M-18',
    file: 'state/lifecycle.ts',
    from: 'return facts.cancelAt === null || period === null || facts.cancelAt <= period + END_TOLERANCE_MS;',
    to: 'return true;',
    by: MODEL,
  },
  {
    row: 'M-19',
    file: 'state/subscription-facts.ts',
    from: "const type = asText(at(method, 'type')) ?? 'card';",
    to: "const type = 'card';",
    by: ['test/server/billing/trials.test.ts', 'M-19'],
  },
  {
    row: 'M-26',
    file: 'state/usage.ts',
    from: 'const earlier = Math.min(seconds, Math.floor(now / 1000) - 1);',
    to: 'const earlier = Math.min(seconds, Math.floor(now / 1000));',
    by: ['test/state/usage.test.ts', ''],
  },
  {
    row: 'M-29',
    file: 'state/access.ts',
    from: 'plan.every(({ quantity }) => quantity === 0)',
    to: 'plan.every(({ quantity }) => quantity === -1)',
    by: [USAGE, 'M-29'],
  },
  {
    row: 'M-32 (cancel)',
    file: 'server/billing/cancel/route.ts',
    from: 'await collectDrafts(context, charge.debts);',
    to: 'void collectDrafts;',
    by: [USAGE, 'M-32: a cancel'],
  },
  {
    row: 'M-32 (pause)',
    file: 'server/billing/pause/route.ts',
    from: 'await collectDrafts(context, charge.debts);',
    to: 'void collectDrafts;',
    by: [USAGE, 'M-32: a pause'],
  },
  {
    row: 'M-33 (down)',
    file: 'state/period-payment.ts',
    from: "return change.kind === 'upgrade';",
    to: 'return true;',
    by: [CREDIT, 'M-33, M-6'],
  },
  {
    row: 'M-33 (up)',
    file: 'server/billing/change-plan/change-plan.ts',
    from: "if (payment !== 'draft') return key;",
    to: 'if (payment) return key;',
    by: [CREDIT, 'M-33: an upgrade'],
  },
  {
    row: 'M-34',
    file: 'server/billing/cancel/charge.ts',
    from: "return hasUsage(subscription) && subscription.state !== 'paused';",
    to: 'return hasUsage(subscription);',
    by: [USAGE, 'M-34'],
  },
  {
    row: 'M-38 (credit note)',
    file: 'server/billing/period-payment.ts',
    from: 'returned: refunded + before + after,',
    to: 'returned: refunded,',
    by: [CREDIT, 'M-38'],
  },
  {
    row: 'M-38 (dispute)',
    file: 'server/billing/period-payment.ts',
    from: 'disputed: own.some(({ disputed }) => disputed),',
    to: 'disputed: false,',
    by: [CREDIT, 'M-38: none while'],
  },
  {
    row: 'M-38 (seats)',
    file: 'state/plan-period.ts',
    from: "return planInvoice.status === 'paid' && planInvoice.periodEnd >= currentPeriodEnd;",
    to: 'return false;',
    by: [PERIOD, 'M-3: an unpaid'],
  },
  {
    row: 'rule 1 (dispute)',
    file: 'state/returns.ts',
    from: "return dispute.kind === 'dispute' && !HARMLESS.has(dispute.status);",
    to: "return dispute.kind === 'dispute' && HARMLESS.size === 0;",
    by: MODEL,
  },
  {
    row: 'rule 6 (trial)',
    file: 'server/billing/new-subscription.ts',
    from: 'return had ? null : days;',
    to: 'return had && !days ? null : days;',
    by: ['test/server/billing/trials.test.ts', 'a return gets no second one'],
  },
];
