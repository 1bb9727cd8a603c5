import { until, type TestServer } from '../../support/server.ts';
import { watchRequests } from './request-watch.ts';

/** A Stripe account that another program sells in too, and what the server did to objects of it. */
export interface SharedAccount {
  /** A monthly price of the other program. */
  retainer: string;
  /** A customer of the other program. */
  stranger: (card: string, metadata?: Record<string, string>) => Promise<string>;
  /** A one-off invoice of 9.00 of the other program, open, to a customer that may be ours. */
  invoice: (customer: string, metadata: Record<string, string>) => Promise<string>;
  /** The calls of the server that name one of these, but for reads. */
  writesTo: (...ids: string[]) => Promise<string[]>;
  /** Every call of the server that made or changed something, since a moment. */
  writesSince: (before: ReadonlySet<string>) => Promise<string[]>;
  /** The calls that were made until now. */
  seen: () => Promise<ReadonlySet<string>>;
  /** Events are processed, and what they led to read from Stripe. */
  settled: () => Promise<void>;
  effectsNaming: (id: string) => Promise<string[]>;
}

export async function shareAccount(server: TestServer): Promise<SharedAccount> {
  const watch = watchRequests(server);
  const { id: retainer } = await server.stripe.prices.create({
    product_data: { name: 'Retainer' },
    currency: 'usd',
    unit_amount: 99_000,
    recurring: { interval: 'month' },
  });

  async function settled(): Promise<void> {
    await server.settled();
    const reads = () =>
      server.database.knex('outbox').where({ status: 'waiting', kind: 'returns.read' }).first();
    await until(async () => (await reads()) === undefined);
    await server.settled();
  }

  async function writes() {
    await settled();
    await watch.look();
    return watch.ofServer().filter(({ method }) => method !== 'GET');
  }

  return {
    retainer,
    settled,
    stranger: async (card, metadata = {}) => {
      const customer = await server.stripe.customers.create({
        test_clock: server.env['STRIPE_TEST_CLOCK'],
        payment_method: card,
        invoice_settings: { default_payment_method: card },
        metadata,
      });
      return customer.id;
    },
    invoice: async (customer, metadata) => {
      const { invoices, invoiceItems } = server.stripe;
      const { id } = await invoices.create({
        customer,
        collection_method: 'send_invoice',
        days_until_due: 30,
        metadata,
      });
      await invoiceItems.create({ customer, invoice: id, amount: 900, currency: 'usd' });
      await invoices.finalizeInvoice(id);
      return id;
    },
    writesTo: async (...ids) =>
      (await writes())
        .filter((request) => watch.idsIn(request).some((id) => ids.includes(id)))
        .map(({ method, path }) => `${method} ${path}`),
    seen: async () => new Set((await writes()).map(({ id }) => id)),
    writesSince: async (before) =>
      (await writes())
        .filter(({ id }) => !before.has(id))
        .map(({ method, path }) => `${method} ${path}`),
    effectsNaming: (id) =>
      server.database
        .knex('outbox')
        .whereLike('payload', `%${id}%`)
        .whereNot({ kind: 'returns.read' })
        .pluck('kind'),
  };
}
