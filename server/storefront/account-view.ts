import type { Links } from './links.ts';
import type {
  Offer,
  OpenInvoice,
  ShopCredit,
  ShopInvoice,
  ShopPurchase,
  ShopSubscription,
  ShopUsage,
  Upcoming,
} from './public-api.ts';
import type { Interval } from './views.ts';

/** What the account page shows. */
export interface AccountView {
  subscription: ShopSubscription | null;
  offer: Offer;
  invoices: ShopInvoice[];
  purchases: ShopPurchase[];
  credit: ShopCredit;
  /** The next invoice; null when none will come. */
  next: Upcoming;
  /** The invoice that waits for a payment. */
  open: OpenInvoice | null;
  /** Of each meter of the plan. */
  usage: ShopUsage[];
  links: Links;
  /** The prices that the customer asked to see; null for those of their own plan. */
  interval: Interval | null;
}
