import type { Scenario } from './scenario.ts';
import { activeMonth } from './steps.ts';

export const pause: Scenario = {
  name: 'pause',
  title: 'On hold, and back',
  steps: [
    ...activeMonth(),
    { does: 'Ten days pass', advance: { days: 10 } },
    {
      does: 'Pauses',
      cli: [
        'post /v1/subscriptions/${subscription}/pause -d invoicing_behavior=invoice -d bill_for[unused_time_from][type]=now',
      ],
      expect: { state: 'paused', access: 'none', history: ['paused'] },
    },
    {
      does: 'A month on hold costs nothing',
      advance: { days: 31 },
      expect: { state: 'paused', access: 'none' },
    },
    {
      does: 'Comes back: a new period begins and is paid',
      cli: [
        'post /v1/subscriptions/${subscription}/resume -d billing_cycle_anchor[type]=now -d payment_behavior=resume_on_payment_success',
      ],
      expect: {
        state: 'active',
        access: 'full',
        history: ['resumed'],
        invoice: { status: 'paid' },
      },
    },
  ],
};
