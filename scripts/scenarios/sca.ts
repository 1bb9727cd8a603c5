import type { Scenario } from './scenario.ts';
import { customerWithCard, subscribe } from './steps.ts';

export const sca: Scenario = {
  name: 'sca',
  title: 'A bank that asks the customer to confirm the first payment',
  steps: [
    customerWithCard('pm_card_threeDSecure2Required'),
    {
      does: 'Subscribes; the bank asks for a confirmation',
      cli: [
        subscribe('e2e_pro_monthly'),
        {
          call: 'get /v1/invoices -d subscription=${subscription} -d expand[]=data.payments',
          keep: { intent: 'data.0.payments.data.0.payment.payment_intent', invoice: 'data.0.id' },
        },
      ],
      expect: {
        state: 'incomplete',
        access: 'none',
        history: ['payment_pending'],
        invoice: { status: 'open' },
      },
    },
    {
      does: 'The customer confirms',
      cli: [
        {
          call: 'the page of the bank',
          page: {
            url: '/_emulator/intents/${intent}/authenticate',
            fields: { outcome: 'succeed' },
          },
          inSandbox: 'post /v1/invoices/${invoice}/pay -d payment_method=pm_card_visa',
        },
      ],
      expect: {
        state: 'active',
        access: 'full',
        history: ['paid'],
        invoice: { status: 'paid', total: 5000 },
      },
    },
  ],
};
