import type { Scenario } from './scenario.ts';
import { activeMonth } from './steps.ts';

export const portalCancel: Scenario = {
  name: 'portal-cancel',
  title: 'Cancelled in the billing portal, changed their mind, cancelled for good',
  steps: [
    ...activeMonth(),
    {
      does: 'Cancels in the portal',
      cli: [
        {
          call: 'post /v1/billing_portal/sessions -d customer=${customer} -d configuration=${portal} -d return_url=https://example.com/billing',
          keep: { portalUrl: 'url' },
        },
        {
          call: 'the cancel button of the portal',
          page: {
            url: '${portalUrl}/subscriptions/${subscription}/cancel',
            fields: { feedback: 'too_expensive' },
          },
          // What the portal does in flexible billing.
          inSandbox: 'post /v1/subscriptions/${subscription} -d cancel_at=min_period_end',
        },
      ],
      expect: { state: 'cancel_pending', access: 'full', history: ['cancel_scheduled'] },
    },
    {
      does: 'Changes their mind',
      cli: ['post /v1/subscriptions/${subscription} -d cancel_at='],
      expect: { state: 'active', history: ['cancel_undone'] },
    },
    {
      does: 'Cancels after all',
      cli: ['post /v1/subscriptions/${subscription} -d cancel_at=min_period_end'],
      expect: { state: 'cancel_pending', access: 'full', history: ['cancel_scheduled'] },
    },
    {
      does: 'The period ends, and with it the subscription',
      advance: 'past the period',
      expect: { state: 'canceled', access: 'none', history: ['period_ended'] },
    },
  ],
};
