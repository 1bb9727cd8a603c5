import type { Emulator } from '../kernel/emulator.ts';
import type { Registry } from '../kernel/registry.ts';
import { registerAssets } from '../pages/assets.ts';
import { registerAuthentication } from './authentication.ts';
import { registerBillingPortal } from './billing-portal.ts';
import { registerCharges } from './charges.ts';
import { registerCheckoutPage } from './checkout-page.ts';
import { registerCheckoutSessions } from './checkout-sessions.ts';
import { registerDisputes } from './disputes.ts';
import { registerPaymentIntents } from './payment-intents.ts';
import { registerPaymentMethods } from './payment-methods.ts';
import { registerPaymentPages } from './payment-pages.ts';
import { registerPortalPage } from './portal-page.ts';
import { registerRefunds } from './refunds.ts';
import { registerSetupIntents } from './setup-intents.ts';
import { registerTokens } from './tokens.ts';

/** Everything about taking money: methods, intents, charges, Checkout and the portal, with their pages. */
export function registerPayments(registry: Registry, emulator: Emulator): void {
  registerAssets(registry);
  registerAuthentication(registry, emulator);
  registerBillingPortal(registry);
  registerCharges(registry);
  registerCheckoutPage(registry, emulator);
  registerCheckoutSessions(registry);
  registerDisputes(registry);
  registerPaymentIntents(registry);
  registerPaymentMethods(registry);
  registerPaymentPages(registry);
  registerPortalPage(registry, emulator);
  registerRefunds(registry);
  registerSetupIntents(registry);
  registerTokens(registry);
}
