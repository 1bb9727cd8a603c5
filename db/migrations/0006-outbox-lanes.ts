import type { Migration } from './migration.ts';

/** Due effects by where they go: a hundred thousand webhooks that wait must not slow the search for a mail. */
export const outboxLanes: Migration = {
  name: '0006-outbox-lanes',
  indexes: [
    {
      name: 'outbox_due_by_lane',
      on: `outbox (
        (CASE substr(kind, 1, 5) WHEN 'mail.' THEN 'mail' WHEN 'webho' THEN 'webhook' ELSE 'stripe' END),
        next_attempt_at, id
      ) WHERE status = 'waiting'`,
    },
  ],
};
