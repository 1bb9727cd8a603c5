/** What operators do through the admin API, beside the commands of customers. */
import type Stripe from 'stripe';
import { CARDS, payCheckout } from '../../../scripts/pay-checkout.ts';
import type { Answer, TestServer } from '../../support/server.ts';
import type { Memory } from './ledger.ts';
import type { Books } from './observe.ts';
import type { Act, Card } from './story.ts';

/** Cards as the API names them. */
export const CARD_TOKENS: Record<Card, string> = {
  good: 'pm_card_visa',
  fails_later: 'pm_card_chargeCustomerFail',
  asks: 'pm_card_authenticationRequired',
  disputed: 'pm_card_createDispute',
};
/** Cards by their numbers, for a page that asks for one. */
export const CARD_NUMBERS: Partial<Record<Card, string>> = {
  fails_later: CARDS.failsLater,
  disputed: '4000000000000259',
};

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
  act: Extract<
    Act,
    { do: 'give_back' | 'give_credit' | 'extend_trial' | 'grant' | 'revoke' | 'buy_once' }
  >,
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
    case 'grant': {
      const until = act.days === null ? null : now + act.days * 86_400;
      const endsAt = until === null ? null : new Date(until * 1000).toISOString();
      const answer = await operate('grants', { plan: 'big', reason: 'For the trouble', endsAt });
      if (answer.status < 300) memory.grants.push({ id: String(answer.json['id']), until });
      return { words: `an operator grants the big plan for ${act.days ?? 'all'} d`, answer };
    }
    case 'revoke': {
      const grant = memory.grants.pop();
      if (!grant) return null;
      const answer = await server.call('POST', `/admin/api/grants/${grant.id}/revoke`, {
        admin: true,
        body: {},
      });
      return { words: 'an operator revokes the grant', answer };
    }
    case 'buy_once': {
      const body = { product: 'lifetime' };
      const answer = await server.call('POST', '/api/billing/payments', { user: account, body });
      if (answer.status >= 300) return { words: 'buys for ever', answer };
      const card = CARD_NUMBERS[act.card] ?? CARDS.good;
      const outcome = await payCheckout(String(answer.json['url']), { card }).catch(String);
      return { words: `buys for ever with a card: ${act.card}, ${outcome.slice(0, 40)}`, answer };
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
