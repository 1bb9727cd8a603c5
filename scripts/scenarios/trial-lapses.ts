import type { Scenario } from './scenario.ts';

export const trialLapses: Scenario = {
  name: 'trial-lapses',
  title: 'A trial without a card ends, and with it the access',
  steps: [
    {
      // The CLI's own fixture, put on our clock, given an owner, and its price made one of a plan's product.
      does: 'Starts a trial without a card',
      cli: [
        [
          'trigger customer.subscription.trial_will_end',
          '--add customer:test_clock=${clock}',
          '--add subscription:metadata.user_id=${user}',
          '--add subscription:trial_settings.end_behavior.missing_payment_method=cancel',
          '--override price:product=tenure_e2e_pro',
          '--override subscription:trial_period_days=7',
        ].join(' '),
        {
          call: 'get /v1/customers -d test_clock=${clock}',
          keep: { customer: 'data.0.id' },
        },
        {
          call: 'get /v1/subscriptions -d customer=${customer}',
          keep: { subscription: 'data.0.id' },
        },
      ],
      expect: { state: 'trialing', access: 'full', history: ['trial_started'] },
    },
    {
      does: 'The trial ends',
      advance: 'past the period',
      expect: {
        state: 'canceled',
        access: 'none',
        history: ['trial_ended_without_method'],
      },
    },
  ],
};
