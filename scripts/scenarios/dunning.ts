import type { Scenario } from './scenario.ts';
import { activeMonth, failedRenewal } from './steps.ts';

export const dunning: Scenario = {
  name: 'dunning',
  title: 'A card that fails three times, to the end',
  steps: [
    ...activeMonth(),
    failedRenewal(),
    {
      does: 'It fails again at the second try',
      advance: { days: 3 },
      expect: { state: 'past_due', history: ['payment_failed'], invoice: { status: 'open' } },
    },
    {
      does: 'It fails at the third: the final action',
      advance: { days: 5 },
      expect: { state: 'canceled', access: 'none', history: ['retries_exhausted'] },
    },
  ],
};
