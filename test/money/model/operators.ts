/** What operators do through the admin API, beside the commands of customers. */
import type Stripe from 'stripe';
import type { Answer, TestServer } from '../../support/server.ts';
import type { Memory } from './ledger.ts';
import type { Books } from './observe.ts';
import type { Act } from './story.ts';

/** What a command said that it would cost, and what kind of answer it gave. */
export interface Outcome {
  words: string;
  answer?: Answer;
  /** What was quoted as due now; 0 for what costs nothing. */
  due?: number;
  /** What the preview of the command showed: no more than that is taken. */
  shown?: number;
}

interface Office {
  server: TestServer;
  account: string;
  memory: Memory;
  books: Books;
  live: Stripe.Subscription | null;
  /** Seconds. */
  now: number;
}

export async function byOperator(
  act: Extract<Act, { do: 'give_back' | 'give_credit' | 'extend_trial' }>,
  { server, account, memory, books, live, now }: Office,
): Promise<Outcome | null> {
  const operate = (path: string, body: object) =>
    server.call('POST', `/admin/api/accounts/${account}/${path}`, { admin: true, body });
  switch (act.do) {
    case 'give_back': {
      const charge = books.charges.find(({ paid, refunded }) => paid && !refunded);
      const left = charge ? charge.amount - charge.amount_refunded : 0;
      const amount = Math.floor(left * act.part);
      if (!charge || amount < 1) return null;
      // Two colleagues who looked at the same time give it back once.
      const body = { payment: charge.id, amount, refunded: charge.amount_refunded };
      const answer = await send(() => operate('refunds', body), act.twice);
      return { words: `an operator gives ${amount} of ${charge.amount} back`, answer, due: 0 };
    }
    case 'give_credit': {
      const body = { amount: act.amount, currency: 'usd', description: 'For the trouble' };
      memory.credited = true;
      const answer = await operate('credit', body);
      return { words: `an operator gives a credit of ${act.amount}`, answer, due: 0 };
    }
    case 'extend_trial': {
      if (live?.status !== 'trialing') return null;
      const at = act.days === null ? null : new Date((now + act.days * 86_400) * 1000);
      if (at) memory.gift = true;
      const answer = await operate('subscription/trial', { endsAt: at?.toISOString() ?? null });
      return { words: `an operator ends the trial in ${act.days ?? 0} d`, answer };
    }
  }
  return null;
}

/** Sends a command, or the same one twice at once; answers what went better, unless one broke. */
export async function send(command: () => Promise<Answer>, twice = false): Promise<Answer> {
  const answers = await Promise.all(twice ? [command(), command()] : [command()]);
  const [best] = answers.toSorted((a, b) => a.status - b.status);
  return answers.find(({ status }) => status >= 500) ?? best!;
}
