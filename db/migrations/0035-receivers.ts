import type { Knex } from 'knex';
import type { Dialect } from '../database.ts';
import type { Migration } from './migration.ts';

const ATTEMPTS = `
CREATE TABLE webhook_attempts (
  id SERIAL_KEY,
  effect_id bigint NOT NULL,
  at bigint NOT NULL,
  duration_ms integer NOT NULL,
  status integer,
  error text
)`;

/** Several receivers of outgoing webhooks, each with its own queue, and what became of each attempt. */
export const receivers: Migration = {
  name: '0035-receivers',
  async up(trx: Knex.Transaction, dialect: Dialect) {
    const key =
      dialect === 'postgres'
        ? 'bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY'
        : 'integer PRIMARY KEY AUTOINCREMENT';
    await trx.raw(ATTEMPTS.replace('SERIAL_KEY', key));
    await trx.raw('CREATE INDEX webhook_attempts_effect ON webhook_attempts (effect_id, id)');
    await trx.raw("ALTER TABLE outbox ADD COLUMN receiver text NOT NULL DEFAULT ''");
  },
  indexes: [
    {
      name: 'outbox_due_by_receiver',
      on: `outbox (
        (CASE substr(kind, 1, 5) WHEN 'mail.' THEN 'mail' WHEN 'webho' THEN 'webhook' WHEN 'event' THEN 'webhook' ELSE 'stripe' END),
        receiver, next_attempt_at, id
      ) WHERE status = 'waiting'`,
    },
    {
      name: 'outbox_webhooks',
      on: "outbox (id) WHERE substr(kind, 1, 5) IN ('webho', 'event')",
    },
  ],
  replaces: ['outbox_due_by_lane'],
};
