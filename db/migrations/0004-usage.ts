import type { Knex } from 'knex';
import type { Dialect } from '../database.ts';
import type { Migration } from './migration.ts';

/** Usage: what was recorded, what is on its way to Stripe, what Stripe has; and what Stripe entitles to. */
export const usage: Migration = {
  name: '0004-usage',
  async up(trx: Knex.Transaction, dialect: Dialect) {
    const key =
      dialect === 'postgres'
        ? 'bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY'
        : 'integer PRIMARY KEY AUTOINCREMENT';
    const statements = [
      // One line for each record, kept for as long as its key may come again.
      `CREATE TABLE usage_records (
        id ${key},
        user_id text NOT NULL,
        key text NOT NULL,
        meter text NOT NULL,
        quantity bigint NOT NULL,
        used_at bigint NOT NULL,
        recorded_at bigint NOT NULL,
        corrects text,
        UNIQUE (user_id, key)
      )`,
      `CREATE INDEX usage_records_corrections ON usage_records (user_id, corrects)
        WHERE corrects IS NOT NULL`,
      // What becomes one meter event. Only an open one grows; what Stripe was told never changes again.
      `CREATE TABLE usage_windows (
        id ${key},
        user_id text NOT NULL,
        meter text NOT NULL,
        window_at bigint NOT NULL,
        quantity bigint NOT NULL,
        last_at bigint NOT NULL,
        identifier text NOT NULL UNIQUE,
        status text NOT NULL,
        attempts integer NOT NULL,
        first_attempt_at bigint,
        next_attempt_at bigint NOT NULL,
        told_at bigint,
        last_error text,
        delivered_at bigint
      )`,
      `CREATE UNIQUE INDEX usage_windows_open ON usage_windows (user_id, meter, window_at)
        WHERE status = 'open'`,
      `CREATE INDEX usage_windows_due ON usage_windows (next_attempt_at) WHERE status = 'sealed'`,
      `CREATE INDEX usage_windows_unsent ON usage_windows (user_id, meter)
        WHERE status IN ('open', 'sealed', 'refused')`,
      `CREATE INDEX usage_windows_delivered ON usage_windows (delivered_at) WHERE status = 'delivered'`,
      // What Stripe has acknowledged, by the window that it counts in.
      `CREATE TABLE usage_totals (
        user_id text NOT NULL,
        meter text NOT NULL,
        window_at bigint NOT NULL,
        quantity bigint NOT NULL,
        PRIMARY KEY (user_id, meter, window_at)
      )`,
      // The features that Stripe grants, as last read.
      `CREATE TABLE entitlements (
        customer_id text PRIMARY KEY,
        features text NOT NULL,
        read_at bigint NOT NULL
      )`,
    ];
    for (const statement of statements) await trx.raw(statement);
  },
};
