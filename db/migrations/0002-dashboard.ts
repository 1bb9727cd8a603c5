import type { Knex } from 'knex';
import type { Migration } from './migration.ts';

const STATEMENTS = [
  // What a day added to each figure; sums over days give its course. Days are business time.
  `CREATE TABLE daily_figures (
    day_at bigint NOT NULL,
    figure text NOT NULL,
    currency text NOT NULL,
    shard integer NOT NULL,
    value bigint NOT NULL,
    PRIMARY KEY (figure, day_at, currency, shard)
  )`,
  // A sign-in link works once, whichever process it is opened on.
  `CREATE TABLE used_login_links (
    nonce text PRIMARY KEY,
    used_at bigint NOT NULL
  )`,
  // What a delivery's headers said, for its page.
  `ALTER TABLE webhook_events ADD COLUMN headers text NOT NULL DEFAULT ''`,
];

/** What the dashboard adds: headers of events, two indexes, figures by day, and the memory of used sign-in links. */
export const dashboard: Migration = {
  name: '0002-dashboard',
  async up(trx: Knex.Transaction) {
    for (const statement of STATEMENTS) await trx.raw(statement);
  },
  indexes: [
    // Who took an arrow of the chart, newest first.
    { name: 'transitions_arrow', on: 'transitions (to_state, event, id)' },
    // What is due next, for the test clock.
    {
      name: 'subscriptions_period_end',
      on: `subscriptions (current_period_end) WHERE state NOT IN ('canceled', 'none', 'paused')`,
    },
  ],
};
