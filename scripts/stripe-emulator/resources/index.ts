import { registerBillingJobs } from '../billing/jobs.ts';
import type { Context } from '../kernel/context.ts';
import type { Emulator } from '../kernel/emulator.ts';
import type { Registry } from '../kernel/registry.ts';
import { registerAccount } from './account.ts';
import { registerBalanceTransactions } from './balance-transactions.ts';
import { registerClientKeys } from './client-keys.ts';
import { registerCustomers } from './customers.ts';
import { registerEvents } from './events.ts';
import { registerInvoiceActions } from './invoice-actions.ts';
import { registerInvoiceItems } from './invoice-items.ts';
import { registerInvoiceLines } from './invoice-lines.ts';
import { registerInvoicePages } from './invoice-pages.ts';
import { registerInvoicePreview } from './invoice-preview.ts';
import { registerInvoices } from './invoices.ts';
import { registerPayments } from './payments.ts';
import { registerPrices } from './prices.ts';
import { registerProducts } from './products.ts';
import { registerShippingRates } from './shipping-rates.ts';
import { registerSubscriptionItems } from './subscription-items.ts';
import { registerSubscriptions } from './subscriptions.ts';
import { registerUpcomingInvoice } from './upcoming-invoice.ts';
import { registerTestClocks } from './test-clocks.ts';
import { registerWebhookEndpoints } from './webhook-endpoints.ts';

/** Adds every resource to the registry. Resources that need pages or other accounts get the emulator too. */
export function registerAll(registry: Registry, emulator: Emulator): void {
  registerAccount(registry);
  registerClientKeys(registry);
  registerCustomers(registry);
  registerEvents(registry);
  registerPayments(registry, emulator);
  registerPrices(registry);
  registerProducts(registry);
  registerBillingJobs(registry);
  registerInvoices(registry);
  registerInvoiceActions(registry);
  registerInvoiceItems(registry);
  registerInvoiceLines(registry);
  registerInvoicePages(registry, emulator);
  registerInvoicePreview(registry);
  registerUpcomingInvoice(registry);
  registerBalanceTransactions(registry);
  registerSubscriptions(registry);
  registerSubscriptionItems(registry);
  registerShippingRates(registry);
  registerTestClocks(registry, emulator);
  registerWebhookEndpoints(registry);
}

/** What a new account starts with. */
export function onNewAccount(_ctx: Context): void {}
