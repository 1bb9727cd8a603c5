/**
 * When a subscription that is canceled, or will be, ended or ends: as the index `subscriptions_leaving` has it. Where an older
 * release wrote the row, the end of the period is the best that is known. Never change it without a new index.
 */
export const LEAVES_AT = `CASE WHEN state = 'canceled' THEN since ELSE coalesce(leaves_at, current_period_end, since) END`;
