import type { Stripe } from 'stripe';
import {
  catalogue,
  invoices,
  person,
  schedules,
  subscriptions,
  type Buyer,
  type Keep,
} from './use-billing.ts';

/** Uses every resource of the emulator once or more; gives all that the API answered. */
export async function useEverything(stripe: Stripe): Promise<unknown[]> {
  const answers: unknown[] = [];
  const kept = async <T>(call: Promise<T>): Promise<T> => {
    const answer = await call;
    answers.push(JSON.parse(JSON.stringify(answer)));
    return answer;
  };
  const shop = await catalogue(stripe, kept);
  const customer = await person(stripe, kept);
  const subscription = await subscriptions(stripe, kept, { ...shop, customer });
  await schedules(stripe, kept, { ...shop, customer });
  await invoices(stripe, kept, { ...shop, customer, subscription: subscription.id });
  await payments(stripe, kept, customer);
  await pages(stripe, kept, { ...shop, customer, subscription });
  await usage(stripe, kept, { ...shop, customer });
  await platform(stripe, kept);
  await clients(stripe, kept, customer);
  await kept(stripe.subscriptions.cancel(subscription.id, { invoice_now: true, prorate: true }));
  await kept(stripe.events.list({ limit: 100 }));
  return answers;
}

async function payments(stripe: Stripe, kept: Keep, customer: string): Promise<void> {
  const never = { enabled: true, allow_redirects: 'never' } as const;
  const pay = (payment_method: string, more: Partial<Stripe.PaymentIntentCreateParams> = {}) =>
    kept(
      stripe.paymentIntents.create({
        amount: 1000,
        currency: 'usd',
        payment_method,
        confirm: true,
        automatic_payment_methods: never,
        expand: ['latest_charge'],
        ...more,
      }),
    );
  const paid = await pay('pm_card_visa', { customer });
  await pay('pm_card_authenticationRequired');
  await pay('pm_card_createDispute');
  await kept(stripe.refunds.create({ payment_intent: paid.id, amount: 100 }));
  const [dispute] = (await kept(stripe.disputes.list({ limit: 1 }))).data;
  await kept(stripe.disputes.close(dispute?.id ?? ''));
  await kept(
    stripe.setupIntents.create({
      customer,
      payment_method: 'pm_card_visa',
      confirm: true,
      automatic_payment_methods: never,
      expand: ['latest_attempt'],
    }),
  );
  await kept(stripe.charges.create({ amount: 900, currency: 'usd', source: 'tok_visa' }));
  await kept(stripe.balanceTransactions.list({ limit: 5 }));
  await kept(stripe.balance.retrieve());
  const billing_details = { name: 'Ada', email: 'ada@example.test' };
  for (const params of METHODS)
    await kept(stripe.paymentMethods.create({ billing_details, ...params }));
  await kept(stripe.payouts.create({ amount: 100, currency: 'usd' }));
}

/** What a server hands to its pages and apps. */
async function clients(stripe: Stripe, kept: Keep, customer: string): Promise<void> {
  await kept(stripe.ephemeralKeys.create({ customer }, { apiVersion: '2026-10-28.endive' }));
  const on = { enabled: true };
  await kept(
    stripe.customerSessions.create({
      customer,
      components: {
        active_entitlements: on,
        customer_sheet: on,
        mobile_payment_element: on,
        payment_element: on,
      },
    }),
  );
  const rate = await kept(
    stripe.shippingRates.create({
      display_name: 'Courier',
      type: 'fixed_amount',
      fixed_amount: { amount: 900, currency: 'usd' },
    }),
  );
  await kept(stripe.shippingRates.update(rate.id, { active: false }));
  await kept(stripe.shippingRates.list({ active: false }));
}

const METHODS: readonly Stripe.PaymentMethodCreateParams[] = [
  { type: 'sepa_debit', sepa_debit: { iban: 'DE89370400440532013000' } },
  {
    type: 'us_bank_account',
    us_bank_account: {
      account_number: '000123456789',
      routing_number: '110000000',
      account_holder_type: 'individual',
    },
  },
  { type: 'bacs_debit', bacs_debit: { account_number: '00012345', sort_code: '108800' } },
  { type: 'boleto', boleto: { tax_id: '000.000.000-00' } },
  { type: 'eps', eps: { bank: 'bank_austria' } },
  { type: 'ideal', ideal: { bank: 'ing' } },
  { type: 'klarna' },
  { type: 'link' },
  { type: 'paypal' },
];

async function pages(
  stripe: Stripe,
  kept: Keep,
  shop: Buyer & { subscription: Stripe.Subscription },
): Promise<void> {
  const { customer, monthly } = shop;
  const success_url = 'https://a.test/ok';
  const session = await kept(
    stripe.checkout.sessions.create({
      mode: 'subscription',
      line_items: [{ price: monthly, quantity: 1 }],
      success_url,
      expand: ['line_items'],
    }),
  );
  await kept(
    stripe.checkout.sessions.create({
      mode: 'payment',
      customer,
      line_items: [
        { price: shop.once, quantity: 1 },
        {
          price_data: { currency: 'usd', unit_amount: 100, product_data: { name: 'Inline' } },
          quantity: 2,
        },
      ],
      success_url,
      invoice_creation: { enabled: true },
      custom_fields: [
        { key: 'x', label: { type: 'custom', custom: 'X' }, type: 'text' },
        { key: 'y', label: { type: 'custom', custom: 'Y' }, type: 'numeric', optional: true },
        {
          key: 'z',
          label: { type: 'custom', custom: 'Z' },
          type: 'dropdown',
          dropdown: { options: [{ label: 'One', value: '1' }] },
        },
      ],
      after_expiration: { recovery: { enabled: true } },
      automatic_tax: { enabled: true },
      branding_settings: { display_name: 'Shop' },
      consent_collection: { terms_of_service: 'required' },
      name_collection: { business: { enabled: true } },
      shipping_address_collection: { allowed_countries: ['DE'] },
      shipping_options: [
        {
          shipping_rate_data: {
            display_name: 'Post',
            fixed_amount: {
              amount: 300,
              currency: 'usd',
              currency_options: { eur: { amount: 280 } },
            },
            delivery_estimate: { minimum: { unit: 'day', value: 1 } },
          },
        },
      ],
      tax_id_collection: { enabled: true },
    }),
  );
  await kept(stripe.checkout.sessions.create({ mode: 'setup', currency: 'usd', success_url }));
  await kept(stripe.checkout.sessions.listLineItems(session.id));
  await kept(stripe.checkout.sessions.expire(session.id));
  const link = await kept(
    stripe.paymentLinks.create({ line_items: [{ price: monthly, quantity: 1 }] }),
  );
  await kept(stripe.paymentLinks.update(link.id, { active: false }));
  const configuration = await kept(
    stripe.billingPortal.configurations.create({
      features: {
        subscription_cancel: { enabled: true, mode: 'at_period_end' },
        subscription_update: {
          enabled: true,
          default_allowed_updates: ['price'],
          products: [{ product: shop.product, prices: [monthly, shop.yearly] }],
        },
        invoice_history: { enabled: true },
        payment_method_update: { enabled: true },
        customer_update: { enabled: true, allowed_updates: ['email'] },
      },
      expand: ['features.subscription_update.products'],
    }),
  );
  const opened = (flow_data?: Stripe.BillingPortal.SessionCreateParams.FlowData) =>
    kept(
      stripe.billingPortal.sessions.create({
        customer,
        configuration: configuration.id,
        ...(flow_data === undefined ? {} : { flow_data }),
      }),
    );
  const subscription = shop.subscription.id;
  await opened();
  await opened({ type: 'subscription_cancel', subscription_cancel: { subscription } });
  await opened({ type: 'subscription_update', subscription_update: { subscription } });
  await opened({
    type: 'payment_method_update',
    after_completion: { type: 'redirect', redirect: { return_url: success_url } },
  });
}

async function usage(stripe: Stripe, kept: Keep, shop: Buyer): Promise<void> {
  const { customer, product } = shop;
  const meter = await kept(
    stripe.billing.meters.create({
      display_name: 'Calls',
      event_name: 'call',
      default_aggregation: { formula: 'sum' },
    }),
  );
  await kept(
    stripe.prices.create({
      product,
      currency: 'usd',
      unit_amount: 5,
      recurring: { interval: 'month', usage_type: 'metered', meter: meter.id },
    }),
  );
  const payload = { stripe_customer_id: customer, value: '25' };
  await kept(
    stripe.billing.meterEvents.create({ event_name: 'call', identifier: 'use-1', payload }),
  );
  await kept(
    stripe.billing.meterEventAdjustments.create({
      event_name: 'call',
      type: 'cancel',
      cancel: { identifier: 'use-1' },
    }),
  );
  const start_time = Math.floor(Date.now() / 86_400_000) * 86_400;
  const end_time = start_time + 86_400;
  await kept(
    stripe.billing.meters.listEventSummaries(meter.id, { customer, start_time, end_time }),
  );
  const grant = await kept(
    stripe.billing.creditGrants.create({
      customer,
      amount: { type: 'monetary', monetary: { currency: 'usd', value: 100 } },
      applicability_config: { scope: { price_type: 'metered' } },
    }),
  );
  await kept(stripe.billing.creditBalanceTransactions.list({ customer }));
  await kept(stripe.billing.creditGrants.voidGrant(grant.id));
}

async function platform(stripe: Stripe, kept: Keep): Promise<void> {
  const endpoint = await kept(
    stripe.webhookEndpoints.create({ url: 'https://a.test/hook', enabled_events: ['*'] }),
  );
  await kept(stripe.webhookEndpoints.update(endpoint.id, { disabled: true }));
  await kept(stripe.webhookEndpoints.del(endpoint.id));
  const card = { number: '4242424242424242', exp_month: '12', exp_year: '2034', cvc: '123' };
  await kept(stripe.tokens.create({ card }));
}
