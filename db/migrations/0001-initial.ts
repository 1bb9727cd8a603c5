import type { Knex } from 'knex';
import type { Dialect } from '../database.ts';
import type { Migration } from './migration.ts';

/** Plain SQL that both dialects read the same, but for two words: `SERIAL_KEY` and `BYTEWISE`. */
const TABLES = `
CREATE TABLE customers (
  user_id text PRIMARY KEY,
  stripe_customer_id text UNIQUE,
  email text,
  email_key text BYTEWISE,
  name text,
  created_at bigint NOT NULL,
  deleted_at bigint
);
CREATE INDEX customers_email ON customers (email_key, user_id);

CREATE TABLE trials (
  subscription_id text PRIMARY KEY,
  user_id text,
  customer_id text NOT NULL,
  card_fingerprint text,
  started_at bigint NOT NULL,
  ends_at bigint,
  outcome text,
  outcome_at bigint
);
CREATE INDEX trials_user ON trials (user_id);
CREATE INDEX trials_customer ON trials (customer_id);
CREATE INDEX trials_card ON trials (card_fingerprint);
CREATE INDEX trials_started ON trials (started_at);

CREATE TABLE subscriptions (
  id text PRIMARY KEY,
  customer_id text NOT NULL,
  user_id text,
  state text NOT NULL,
  status text NOT NULL,
  stripe_status text NOT NULL,
  plan text,
  price_id text,
  currency text NOT NULL,
  mrr bigint NOT NULL,
  failed_attempts integer NOT NULL,
  past_due_since bigint,
  since bigint NOT NULL,
  current_period_end bigint,
  duplicate boolean NOT NULL,
  facts text NOT NULL,
  created_at bigint NOT NULL,
  updated_at bigint NOT NULL
);
CREATE INDEX subscriptions_user ON subscriptions (user_id);
CREATE INDEX subscriptions_customer ON subscriptions (customer_id);
CREATE INDEX subscriptions_created ON subscriptions (created_at, id);
CREATE INDEX subscriptions_state ON subscriptions (state, created_at, id);
CREATE INDEX subscriptions_price ON subscriptions (price_id, id);
CREATE INDEX subscriptions_duplicate ON subscriptions (customer_id) WHERE duplicate;

CREATE TABLE subscription_counts (
  state text NOT NULL,
  currency text NOT NULL,
  shard integer NOT NULL,
  count bigint NOT NULL,
  mrr bigint NOT NULL,
  PRIMARY KEY (state, currency, shard)
);

CREATE TABLE transitions (
  id SERIAL_KEY,
  subscription_id text NOT NULL,
  customer_id text NOT NULL,
  from_state text NOT NULL,
  to_state text NOT NULL,
  event text NOT NULL,
  cause_type text NOT NULL,
  cause_id text NOT NULL,
  actor text NOT NULL,
  occurred_at bigint NOT NULL,
  recorded_at bigint NOT NULL,
  unexpected boolean NOT NULL,
  late boolean NOT NULL,
  detail text NOT NULL,
  UNIQUE (subscription_id, cause_id, event, to_state)
);
CREATE INDEX transitions_unexpected ON transitions (id) WHERE unexpected;

CREATE TABLE arrow_counts (
  hour_at bigint NOT NULL,
  from_state text NOT NULL,
  to_state text NOT NULL,
  event text NOT NULL,
  shard integer NOT NULL,
  count bigint NOT NULL,
  PRIMARY KEY (hour_at, from_state, to_state, event, shard)
);

CREATE TABLE webhook_events (
  id text PRIMARY KEY,
  type text NOT NULL,
  subject text NOT NULL,
  subscription_id text,
  object_id text,
  payload text NOT NULL,
  api_version text,
  livemode boolean NOT NULL,
  account text,
  flags text NOT NULL,
  source text NOT NULL,
  created_at bigint NOT NULL,
  received_at bigint NOT NULL,
  status text NOT NULL,
  attempts integer NOT NULL,
  next_attempt_at bigint NOT NULL,
  last_error text,
  processed_at bigint
);
CREATE INDEX webhook_events_due ON webhook_events (next_attempt_at) WHERE status = 'waiting';
CREATE INDEX webhook_events_waiting ON webhook_events (subject) WHERE status = 'waiting';
CREATE INDEX webhook_events_dead ON webhook_events (received_at, id) WHERE status = 'dead';
CREATE INDEX webhook_events_received ON webhook_events (received_at, id);
CREATE INDEX webhook_events_subscription ON webhook_events (subscription_id, created_at)
  WHERE subscription_id IS NOT NULL;

CREATE TABLE processing_attempts (
  id SERIAL_KEY,
  event_id text NOT NULL,
  attempt integer NOT NULL,
  failed_at bigint NOT NULL,
  error text NOT NULL
);
CREATE INDEX processing_attempts_event ON processing_attempts (event_id, id);

CREATE TABLE subjects (
  key text PRIMARY KEY,
  fence bigint NOT NULL,
  lease_until bigint NOT NULL,
  owner text NOT NULL
);

CREATE TABLE outbox (
  id SERIAL_KEY,
  object_id text NOT NULL,
  kind text NOT NULL,
  payload text NOT NULL,
  cause_id text,
  status text NOT NULL,
  attempts integer NOT NULL,
  next_attempt_at bigint NOT NULL,
  last_error text,
  created_at bigint NOT NULL,
  delivered_at bigint,
  UNIQUE (object_id, kind)
);
CREATE INDEX outbox_due ON outbox (next_attempt_at) WHERE status = 'waiting';
CREATE INDEX outbox_dead ON outbox (id) WHERE status = 'dead';
CREATE INDEX outbox_cause ON outbox (cause_id) WHERE cause_id IS NOT NULL;

CREATE TABLE idempotency_keys (
  user_id text NOT NULL,
  key text NOT NULL,
  request_hash text NOT NULL,
  status integer,
  response text,
  locked_until bigint NOT NULL,
  created_at bigint NOT NULL,
  PRIMARY KEY (user_id, key)
);
CREATE INDEX idempotency_keys_created ON idempotency_keys (created_at);

CREATE TABLE cursors (
  name text PRIMARY KEY,
  value text,
  lease_until bigint NOT NULL,
  owner text NOT NULL,
  updated_at bigint NOT NULL
);

CREATE TABLE audit_log (
  id SERIAL_KEY,
  at bigint NOT NULL,
  actor text NOT NULL,
  action text NOT NULL,
  target text,
  detail text NOT NULL
);
CREATE INDEX audit_log_target ON audit_log (target, id);
`;

/** Amounts in minor units, times (`*_at`) in ms since the epoch, JSON as text so that both dialects agree. */
export const initial: Migration = {
  name: '0001-initial',
  async up(trx: Knex.Transaction, dialect: Dialect) {
    const key =
      dialect === 'postgres'
        ? 'bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY'
        : 'integer PRIMARY KEY AUTOINCREMENT';
    // A search by prefix is a range, and only bytewise order keeps a prefix together.
    const bytewise = dialect === 'postgres' ? 'COLLATE "C"' : '';
    const sql = TABLES.replaceAll('SERIAL_KEY', key).replaceAll('BYTEWISE', bytewise);
    for (const statement of sql.split(';\n')) {
      if (statement.trim() !== '') await trx.raw(statement);
    }
  },
};
