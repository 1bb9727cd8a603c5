import type { Demo } from './actions.ts';

export interface Step {
  title: string;
  act: (demo: Demo) => Promise<void>;
  /** The state in which it has to end. */
  to: string;
  /** The lifecycle events that have to have moved it. */
  by: string[];
  /** What else must hold: null, or what is wrong. */
  check?: (demo: Demo) => Promise<string | null>;
}

const FAILING_CARD = 'pm_card_chargeCustomerFail';
const GOOD_CARD = 'pm_card_visa';

/** A whole life: every line of it is a state that a real customer passes. */
export const STEPS: Step[] = [
  {
    title: 'Pays a checkout, and gets a free trial',
    act: (demo) => demo.subscribe('pro'),
    to: 'trialing',
    by: ['trial_started'],
    check: hasAccess('full'),
  },
  {
    title: 'The trial ends, and the first invoice is paid',
    act: (demo) => demo.advanceToRenewal(),
    to: 'active',
    by: ['paid'],
    check: hasAccess('full'),
  },
  {
    title: 'Uses 5,000 API calls, billed with the renewal',
    act: async (demo) => {
      const recorded = await demo.useCalls(5_000);
      if (recorded !== 5_000) throw new Error(`${recorded} calls are recorded`);
    },
    to: 'active',
    by: [],
  },
  {
    title: 'Cancels at the end of the period',
    act: (demo) => demo.command('cancel', { when: 'period_end', feedback: 'unused' }),
    to: 'cancel_pending',
    by: ['cancel_scheduled'],
    check: hasAccess('full'),
  },
  {
    title: 'Changes their mind',
    act: (demo) => demo.command('resume'),
    to: 'active',
    by: ['cancel_undone'],
  },
  {
    title: 'Has a card that fails at the renewal',
    act: async (demo) => {
      await demo.saveCard(FAILING_CARD);
      await demo.advanceToRenewal();
    },
    to: 'past_due',
    by: ['payment_failed'],
    check: hasAccess('grace'),
  },
  {
    title: 'Saves a good card, and the invoice is paid',
    act: async (demo) => {
      await demo.saveCard(GOOD_CARD);
      await demo.payOpenInvoice();
    },
    to: 'active',
    by: ['payment_succeeded'],
    check: hasAccess('full'),
  },
  {
    title: 'Fails again at the next renewal (1st attempt)',
    act: async (demo) => {
      await demo.saveCard(FAILING_CARD);
      await demo.advanceToRenewal();
    },
    to: 'past_due',
    by: ['payment_failed'],
  },
  {
    title: 'Fails again three days later (2nd attempt)',
    act: (demo) => demo.advanceDays(3),
    to: 'past_due',
    by: ['payment_failed'],
  },
  {
    title: 'Fails for the 3rd time: the final action',
    act: (demo) => demo.advanceDays(5),
    to: 'canceled',
    by: ['retries_exhausted'],
    check: hasAccess('none'),
  },
  {
    title: 'Comes back, without a second trial',
    act: (demo) => demo.subscribe('pro'),
    to: 'active',
    by: ['reactivated'],
    check: async (demo) => {
      const { trialEnd } = (await demo.subscription()) ?? {};
      return trialEnd === null ? null : `there is a second trial, until ${trialEnd}`;
    },
  },
];

function hasAccess(level: string): (demo: Demo) => Promise<string | null> {
  return async (demo) => {
    const found = (await demo.subscription())?.access.level;
    return found === level ? null : `expected ${level} access and found ${found}`;
  };
}
