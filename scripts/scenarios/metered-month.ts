import type { Scenario } from './scenario.ts';
import { customerWithCard, subscribe } from './steps.ts';

export const meteredMonth: Scenario = {
  name: 'metered-month',
  title: 'A month of usage on top of the base price',
  steps: [
    customerWithCard(),
    {
      does: 'Subscribes to the plan and its usage',
      cli: [subscribe('e2e_pro_monthly', ['items[1][price]=${price.e2e_pro_e2e_api_calls}'])],
      expect: {
        state: 'active',
        plan: 'e2e_pro',
        history: ['paid'],
        invoice: { status: 'paid', total: 5000 },
      },
    },
    { does: 'Five days pass', advance: { days: 5 } },
    {
      does: 'Makes 350 calls in two reports; one report is sent twice',
      cli: [
        ...['one 250', 'two 100'].map((report) => meterEvent(report)),
        { ...meterEvent('one 250'), fails: 'invalid_request_error' },
      ],
      expect: { state: 'active' },
    },
    {
      does: 'The month ends: 250 of them are beyond the free hundred, at two cents each',
      advance: 'past the period',
      expect: {
        state: 'active',
        history: ['renewed'],
        invoice: { status: 'paid', total: 5000 + 250 * 2 },
      },
    },
  ],
};

/** The identifier makes a repeated report count once. */
function meterEvent(report: string) {
  const [identifier, value] = report.split(' ');
  return {
    call: [
      'post /v1/billing/meter_events -d event_name=e2e_api_calls',
      '-d payload[stripe_customer_id]=${customer}',
      `-d payload[value]=${value} -d identifier=\${user}_${identifier} -d timestamp=\${now}`,
    ].join(' '),
  };
}
