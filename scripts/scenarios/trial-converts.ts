import type { Scenario } from './scenario.ts';
import { customerWithCard, subscribe } from './steps.ts';

export const trialConverts: Scenario = {
  name: 'trial-converts',
  title: 'A trial with a card becomes a paid subscription, and renews',
  steps: [
    customerWithCard(),
    {
      does: 'Starts a trial of 14 days',
      cli: [subscribe('e2e_pro_monthly', ['trial_period_days=14'])],
      expect: {
        state: 'trialing',
        access: 'full',
        plan: 'e2e_pro',
        history: ['trial_started'],
        invoice: { status: 'paid', total: 0 },
      },
    },
    {
      does: 'Three days before the end nothing has changed',
      advance: { days: 11 },
      expect: { state: 'trialing', access: 'full' },
    },
    {
      does: 'The trial ends, and the card is charged',
      advance: 'past the period',
      expect: {
        state: 'active',
        access: 'full',
        history: ['paid'],
        invoice: { status: 'paid', total: 5000 },
      },
    },
    {
      does: 'A month later it renews',
      advance: 'past the period',
      expect: { state: 'active', history: ['renewed'], invoice: { status: 'paid', total: 5000 } },
    },
    {
      does: 'Stripe sends the event of that payment once more: nothing happens twice',
      cli: [
        { call: 'get /v1/events -d type=invoice.paid -d limit=1', keep: { event: 'data.0.id' } },
        'events resend ${event}',
      ],
      expect: {
        state: 'active',
        access: 'full',
        deliveries: { event: '${event}', times: 2 },
        quiet: true,
      },
    },
  ],
};
