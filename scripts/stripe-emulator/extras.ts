import type { Server } from 'node:http';
import { deliveryFault } from './faults/delivery.ts';
import { callFault } from './faults/calls.ts';
import { registerSwitches } from './faults/routes.ts';
import type { Emulator } from './kernel/emulator.ts';
import type { Registry } from './kernel/registry.ts';
import { registerCoupons } from './resources/coupons.ts';
import { registerDiscounts } from './resources/discounts.ts';
import { registerEventDestinations } from './resources/event-destinations.ts';
import { registerMeterEvents } from './resources/meter-events.ts';
import { registerMeters } from './resources/meters.ts';
import { registerPromotionCodes } from './resources/promotion-codes.ts';
import { registerSubscriptionSchedules } from './resources/subscription-schedules.ts';
import { registerTaxRates } from './resources/tax-rates.ts';
import { registerTaxIds } from './resources/tax-ids.ts';
import { registerCustomerBalance } from './resources/customer-balance.ts';
import { registerCreditGrants } from './resources/credit-grants.ts';
import { registerFeatures } from './resources/features.ts';
import { registerEntitlements } from './resources/entitlements.ts';
import { registerPlans } from './resources/plans.ts';
import { registerCreditNotes } from './resources/credit-notes.ts';
import { registerQuotes } from './resources/quotes.ts';
import { registerPaymentLinks } from './resources/payment-links.ts';
import { registerMoneyMovement } from './resources/money-movement.ts';
import { registerConnectedAccounts } from './resources/connected-accounts.ts';
import { registerRiskLists } from './resources/risk-lists.ts';
import { registerReportRuns } from './resources/report-runs.ts';
import { registerCashBalance } from './resources/cash-balance.ts';
import { registerCardSources } from './resources/card-sources.ts';
import { registerSearch } from './search/routes.ts';
import { registerConsole } from './console/routes.ts';
import { registerPdfs } from './quotes/pdf.ts';
import { CliHub } from './stripecli/hub.ts';
import { registerCliSessions } from './stripecli/routes.ts';
import { attachCliWebsockets } from './stripecli/websocket.ts';
import { registerMeterRoutes } from './v2/meter-routes.ts';
import { answerRenderer, eventBody } from './versions/event-body.ts';
import { forwardSnapshot } from './v2/outbox.ts';

/** What runs beside the API: the CLI's sessions. */
export interface Extras {
  /** Serves the CLI's websockets on a server too. */
  attach: (server: Server) => void;
  close: () => void;
}

/** Adds discounts, usage, thin events, the CLI and the switches of the emulator. */
export function addExtras(registry: Registry, emulator: Emulator): Extras {
  registerCoupons(registry);
  registerPromotionCodes(registry);
  registerDiscounts(registry);
  registerMeters(registry);
  registerMeterEvents(registry);
  registerMeterRoutes(registry, emulator);
  registerEventDestinations(registry);
  registerSubscriptionSchedules(registry);
  registerTaxRates(registry);
  registerTaxIds(registry);
  registerCustomerBalance(registry);
  registerCreditGrants(registry);
  registerFeatures(registry);
  registerEntitlements(registry);
  registerPlans(registry);
  registerCreditNotes(registry);
  registerQuotes(registry);
  registerPaymentLinks(registry, emulator);
  registerMoneyMovement(registry);
  registerConnectedAccounts(registry);
  registerReportRuns(registry);
  registerRiskLists(registry);
  registerCashBalance(registry);
  registerCardSources(registry);
  registerSearch(registry);
  registerPdfs(registry, emulator);
  registerSwitches(registry, emulator);
  emulator.hooks.fault = callFault;
  emulator.hooks.renderer = answerRenderer;
  emulator.hooks.onAccount.push((account) => {
    account.webhooks.fault = (event) => deliveryFault(account, event);
    account.webhooks.render = (event, version) => eventBody(account, event, version);
  });
  const hub = new CliHub(emulator);
  registerCliSessions(registry, hub);
  registerConsole(registry, emulator, hub);
  emulator.hooks.onEvent.push(forwardSnapshot);
  const closers: (() => void)[] = [];
  return {
    attach: (server) => closers.push(attachCliWebsockets(server, hub)),
    close() {
      for (const close of closers) close();
      hub.close();
    },
  };
}
