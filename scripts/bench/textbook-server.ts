/** The textbook handler: what the guides show. Check for the id, retrieve, update, mark done; one after another. */
import type { Server } from 'node:http';
import express from 'express';
import knexModule, { type Knex } from 'knex';
import { Stripe } from 'stripe';
import { answerAsChild } from './child-main.ts';
import { countStatements } from './count-statements.ts';
import { addressOf } from './listening.ts';
import { SECRET_KEY, WEBHOOK_SECRET } from './payload.ts';

export interface TextbookSettings {
  databaseUrl: string;
  stripeUrl: string;
}

let server: Server | null = null;
let database: Knex | null = null;

answerAsChild({
  async start({ databaseUrl, stripeUrl }: TextbookSettings) {
    countStatements();
    const knex = openKnex(databaseUrl);
    database = knex;
    await createTables(knex);
    const { hostname: host, port } = new URL(stripeUrl);
    const stripe = new Stripe(SECRET_KEY, { host, port, protocol: 'http', telemetry: false });
    const app = express();
    app.post('/webhook', express.raw({ type: 'application/json' }), (request, response) => {
      let event: Stripe.Event;
      try {
        const signature = String(request.headers['stripe-signature']);
        event = stripe.webhooks.constructEvent(request.body as Buffer, signature, WEBHOOK_SECRET);
      } catch {
        response.status(400).json({ error: 'bad signature' });
        return;
      }
      handle(knex, stripe, event).then(
        () => response.json({ received: true }),
        () => response.status(500).json({ error: 'failed' }),
      );
    });
    await new Promise<void>((resolve) => {
      server = app.listen(0, '127.0.0.1', () => resolve());
    });
  },
  address: () => Promise.resolve(`${addressOf(server)}/webhook`),
  async stop() {
    server?.closeAllConnections();
    await database?.destroy();
  },
});

async function handle(knex: Knex, stripe: Stripe, event: Stripe.Event): Promise<void> {
  if (await knex('processed_events').where({ id: event.id }).first()) return;
  const id = subscriptionOf(event);
  if (id !== null) {
    const subscription = await stripe.subscriptions.retrieve(id);
    await knex('subscriptions')
      .insert({
        id: subscription.id,
        customer: customerOf(subscription),
        status: subscription.status,
        price: subscription.items.data[0]?.price.id ?? '',
        period_end: subscription.items.data[0]?.current_period_end ?? 0,
      })
      .onConflict('id')
      .merge();
  }
  await knex('processed_events').insert({ id: event.id, type: event.type });
}

function customerOf({ customer }: Stripe.Subscription): string {
  return typeof customer === 'string' ? customer : customer.id;
}

function subscriptionOf(event: Stripe.Event): string | null {
  const object = event.data.object;
  if (object.object === 'subscription') return object.id;
  if (object.object !== 'invoice') return null;
  const subscription = object.parent?.subscription_details?.subscription ?? null;
  return typeof subscription === 'string' ? subscription : (subscription?.id ?? null);
}

function openKnex(url: string): Knex {
  if (!url.startsWith('sqlite:')) {
    return knexModule({ client: 'pg', connection: url, pool: { min: 0, max: 10 } });
  }
  return knexModule({
    client: 'sqlite3',
    connection: { filename: url.slice('sqlite:'.length) },
    useNullAsDefault: true,
  });
}

async function createTables(knex: Knex): Promise<void> {
  if (knex.client.config.client === 'sqlite3') {
    await knex.raw('PRAGMA journal_mode = WAL');
    await knex.raw('PRAGMA synchronous = FULL');
  }
  await knex.schema.createTable('processed_events', (table) => {
    table.text('id').primary();
    table.text('type');
  });
  await knex.schema.createTable('subscriptions', (table) => {
    table.text('id').primary();
    table.text('customer');
    table.text('status');
    table.text('price');
    table.bigInteger('period_end');
  });
}
