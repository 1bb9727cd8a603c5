import type { Call, Step } from './scenario.ts';

const FIXTURE = 'scripts/scenarios/fixtures/customer.json';

/** A customer on the scenario's test clock, with a card. */
export function customerWithCard(card = 'pm_card_visa'): Step {
  return {
    does: `A customer with ${card}`,
    cli: [
      [
        `fixtures ${FIXTURE}`,
        '--add customer:test_clock=${clock}',
        `--override customer:payment_method=${card}`,
        `--override customer:invoice_settings.default_payment_method=${card}`,
      ].join(' '),
      {
        call: 'get /v1/customers -d test_clock=${clock}',
        keep: { customer: 'data.0.id', card: 'data.0.invoice_settings.default_payment_method' },
      },
    ],
  };
}

/** A subscription of the customer to a price, such as `e2e_pro_monthly`. */
export function subscribe(price: string, params: string[] = []): Call {
  return {
    call: [
      'post /v1/subscriptions -d customer=${customer}',
      `-d items[0][price]=\${price.${price}}`,
      '-d metadata[user_id]=${user}',
      ...params.map((param) => `-d ${param}`),
    ].join(' '),
    keep: { subscription: 'id', item: 'items.data.0.id' },
  };
}

/** Replaces the card that the subscription is charged to. */
export function useCard(card: string): Call[] {
  return [
    {
      call: `post /v1/payment_methods/${card}/attach -d customer=\${customer}`,
      keep: { card: 'id' },
    },
    { call: 'post /v1/subscriptions/${subscription} -d default_payment_method=${card}' },
  ];
}

/** How every path begins that begins with a paid month. */
export function activeMonth(price = 'e2e_pro_monthly'): Step[] {
  return [
    customerWithCard(),
    {
      does: 'Subscribes, and pays',
      cli: [subscribe(price)],
      expect: {
        state: 'active',
        access: 'full',
        history: ['paid'],
        invoice: { status: 'paid' },
      },
    },
  ];
}

/** The renewal fails with a card that was good when it was saved. */
export function failedRenewal(): Step {
  return {
    does: 'The card fails at the renewal',
    cli: useCard('pm_card_chargeCustomerFail'),
    advance: 'past the period',
    expect: {
      state: 'past_due',
      access: 'grace',
      history: ['payment_failed'],
      invoice: { status: 'open' },
    },
  };
}
