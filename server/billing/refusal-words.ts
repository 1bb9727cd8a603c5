import type { LifecycleState } from '../../state/types.ts';

/** What each command does, with the subscription named by `it`. */
const COMMANDS: Record<string, (it: string) => string> = {
  'cancel now': (it) => `cancel ${it}`,
  'cancel period_end': (it) => `cancel ${it} at the end of the period`,
  quantity: (it) => `change the seats of ${it}`,
};

const STATES: Record<LifecycleState, string> = {
  none: 'there is none',
  incomplete: 'its first payment is not complete',
  trialing: 'it is in its trial',
  active: 'it is active',
  downgrading: 'a downgrade is scheduled',
  cancel_pending: 'it is already scheduled to end',
  past_due: 'a payment is past due',
  unpaid: 'it is unpaid',
  paused: 'it is paused',
  canceled: 'it has ended',
};

/** Why a command is refused: "You have no subscription to cancel." */
export function refusalWords(what: string, state: LifecycleState): string {
  const [verb = what] = what.replace('quantity', 'change').split(' ');
  if (state === 'none') return `You have no subscription to ${verb}.`;
  const command = COMMANDS[what] ?? ((it: string) => `${what} ${it}`);
  return `You cannot ${command('your subscription')} now: ${STATES[state]}.`;
}
