import type { Scenario } from './scenario.ts';
import { activeMonth } from './steps.ts';

export const upgrade: Scenario = {
  name: 'upgrade',
  title: 'A bigger plan at once, the difference charged; then from monthly to yearly',
  steps: [
    ...activeMonth('e2e_starter_monthly'),
    { does: 'Ten days pass', advance: { days: 10 } },
    {
      does: 'Takes the bigger plan, prorated to the second',
      cli: [
        {
          call: 'post /v1/subscriptions/${subscription} -d items[0][id]=${item} -d items[0][price]=${price.e2e_pro_monthly} -d proration_behavior=always_invoice',
        },
      ],
      expect: {
        state: 'active',
        access: 'full',
        plan: 'e2e_pro',
        interval: 'monthly',
        history: ['upgraded'],
        invoice: { status: 'paid' },
      },
    },
    {
      does: 'Goes on to a year, which begins now',
      cli: [
        'post /v1/subscriptions/${subscription} -d items[0][id]=${item} -d items[0][price]=${price.e2e_pro_yearly} -d billing_cycle_anchor[type]=now -d proration_behavior=always_invoice',
      ],
      expect: {
        state: 'active',
        plan: 'e2e_pro',
        interval: 'yearly',
        history: ['upgraded'],
        invoice: { status: 'paid' },
      },
    },
  ],
};
