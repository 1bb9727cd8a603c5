import type { Scenario } from './scenario.ts';
import { activeMonth } from './steps.ts';

export const downgrade: Scenario = {
  name: 'downgrade',
  title: 'A smaller plan from the next period, by a schedule',
  steps: [
    ...activeMonth(),
    {
      does: 'Asks for the smaller plan',
      cli: [
        {
          call: 'post /v1/subscription_schedules -d from_subscription=${subscription}',
          keep: {
            schedule: 'id',
            start: 'phases.0.start_date',
            end: 'phases.0.end_date',
          },
        },
        [
          'post /v1/subscription_schedules/${schedule} -d end_behavior=release -d proration_behavior=none',
          '-d phases[0][start_date]=${start} -d phases[0][end_date]=${end}',
          '-d phases[0][items][0][price]=${price.e2e_pro_monthly}',
          '-d phases[1][items][0][price]=${price.e2e_starter_monthly}',
          '-d phases[1][duration][interval]=month -d phases[1][proration_behavior]=none',
        ].join(' '),
      ],
      expect: {
        state: 'downgrading',
        access: 'full',
        plan: 'e2e_pro',
        pending: 'e2e_starter',
        history: ['downgrade_scheduled'],
      },
    },
    {
      does: 'The period ends, and the smaller plan begins',
      advance: 'past the period',
      expect: {
        state: 'active',
        plan: 'e2e_starter',
        pending: null,
        history: ['period_ended'],
        invoice: { status: 'paid', total: 2000 },
      },
    },
  ],
};
