import type { Scenario } from './scenario.ts';
import { activeMonth, failedRenewal, useCard } from './steps.ts';

export const recovery: Scenario = {
  name: 'recovery',
  title: 'A failed renewal, fixed with another card',
  steps: [
    ...activeMonth(),
    failedRenewal(),
    {
      does: 'Saves a good card, and pays the open invoice',
      cli: [
        ...useCard('pm_card_visa'),
        {
          call: 'get /v1/invoices -d subscription=${subscription} -d status=open',
          keep: { invoice: 'data.0.id' },
        },
        'post /v1/invoices/${invoice}/pay -d payment_method=${card}',
      ],
      expect: {
        state: 'active',
        access: 'full',
        history: ['payment_succeeded'],
        invoice: { status: 'paid', total: 5000 },
      },
    },
    {
      does: 'The next renewal is paid with it',
      advance: 'past the period',
      expect: { state: 'active', history: ['renewed'], invoice: { status: 'paid', total: 5000 } },
    },
  ],
};
