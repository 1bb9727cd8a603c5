const BY_OPERATORS: ReadonlySet<Act['do']> = new Set([
  'give_back',
  'give_credit',
  'extend_trial',
  'grant',
  'revoke',
]);

/** Carries acts out: those of customers through the API, those of operators and of Stripe through the official SDK. */
import type Stripe from 'stripe';
import { payCheckout, CARDS } from '../../../scripts/pay-checkout.ts';
import { newPerson, type Person } from '../../server/billing/person.ts';
import type { Answer, TestServer } from '../../support/server.ts';
import {
  checkAccess,
  checkAgreedEnd,
  checkCredit,
  checkDebts,
  checkDisputes,
  checkEnds,
  checkUndo,
  checkWayOut,
  newMemory,
  type Memory,
  type Moment,
  type Said,
} from './ledger.ts';
import {
  EMPTY,
  kept,
  liveOf,
  planItemOf,
  readBooks,
  type Books,
  type Catalogue,
} from './observe.ts';
import { inDashboard } from './dashboard.ts';
import { checkGrants } from './grants.ts';
import { byOperator, CARD_NUMBERS, CARD_TOKENS, send, type Outcome } from './operators.ts';
import {
  checkBilled,
  checkCode,
  checkTrials,
  checkUsage,
  keptTrials,
  noteCards,
  type KeptTrial,
} from './once.ts';
import type { Act } from './story.ts';

export const METER = 'api_calls';
const IBANS = { debit_late: 'DE89370400440532013000', debit_bounces: 'DE62370400440532013001' };

export class Actor {
  readonly person: Person;
  readonly memory: Memory = newMemory();
  readonly told: string[] = [];
  private readonly server: TestServer;
  private readonly catalogue: Catalogue;
  private customer: string | null = null;
  private last: Moment | null = null;
  private done: { act: Act; before: Moment; outcome: Outcome } | null = null;

  constructor(server: TestServer, catalogue: Catalogue) {
    this.server = server;
    this.catalogue = catalogue;
    this.person = newPerson(server);
  }

  /** Looks at everything, and says what is against the rules. */
  async look(): Promise<string[]> {
    const before = this.last;
    const moment = await this.moment();
    this.last = moment;
    noteCards(moment);
    const problems = [
      ...checkAccess(moment),
      ...checkCode(moment),
      ...checkUsage(moment),
      ...checkTrials(moment),
      ...checkBilled(moment),
      ...checkDisputes(moment),
      ...checkWayOut(moment),
      ...checkAgreedEnd(moment),
      ...checkGrants(moment),
    ];
    if (before) problems.push(...checkEnds(before, moment));
    return problems;
  }

  /** Does something, if it can be done; `judge` then says what was against the rules. */
  async act(act: Act): Promise<void> {
    this.done = null;
    const before = this.last ?? (await this.moment());
    const outcome = await this.carryOut(act, before);
    if (outcome === null) return;
    this.told.push(outcome.words + (outcome.answer ? ` → ${wordsOf(outcome.answer)}` : ''));
    this.done = { act, before, outcome };
  }

  async judge(): Promise<string[]> {
    if (this.done === null) return [];
    const { act, before, outcome } = this.done;
    const after = await this.moment();
    this.last = after;
    return [
      ...this.checkAnswer(act, before, outcome),
      ...this.checkMoney(before, after, { ...outcome, act }),
    ];
  }

  /** Its trials that went on, each with the card that it began with. */
  trials(): KeptTrial[] {
    return this.last === null ? [] : keptTrials(this.last);
  }

  async moment(): Promise<Moment> {
    const now = Math.floor(this.server.services.clock.now() / 1000);
    const books = await this.books();
    const said = (await this.person.subscription()) as unknown as Said | null;
    const allowed = (await this.person.get('access')).json['allowed'] === true;
    return { books, said, allowed, now, catalogue: this.catalogue, memory: this.memory };
  }

  private async books(): Promise<Books> {
    if (this.customer === null) {
      const row = await this.server.database
        .knex('customers')
        .where({ user_id: this.person.id })
        .first();
      this.customer = row?.stripe_customer_id ? String(row.stripe_customer_id) : null;
    }
    return this.customer === null ? EMPTY : readBooks(this.server.stripe, this.customer);
  }

  /** What is offered works, and nothing breaks. */
  private checkAnswer(act: Act, { said }: Moment, { answer }: Outcome): string[] {
    if (!answer) return [];
    if (answer.status >= 500) return [`${act.do} answered ${answer.status} ${answer.text}`];
    const offered = said?.actions ?? [];
    // A pause over a renewal that bills usage is refused for its length.
    const pause = act.do === 'pause' && act.hours === null;
    const always = act.do === 'resume' || act.do === 'reactivate' || pause;
    if (!always || !offered.includes(act.do)) return [];
    const good = answer.status < 300 || answer.status === 402 || answer.status === 400;
    const reason = (answer.json['error'] as { reason?: string } | undefined)?.reason;
    if (good || reason !== undefined) return [];
    return [
      `${act.do} was offered in ${said?.state}, and answered ${answer.status} ${answer.text}`,
    ];
  }

  /** Rules 2 and 3: credit only for what was paid, and a charge only as quoted. */
  private checkMoney(
    before: Moment,
    after: Moment,
    { answer, due, shown, act }: Outcome & { act: Act },
  ): string[] {
    if (!answer) return [];
    if (answer.status >= 300) return [];
    const problems = checkCredit(before, after);
    // Rule 7 is about customers; the end of dunning may settle debts in the moment in which an operator acts.
    if (!BY_OPERATORS.has(act.do)) problems.push(...checkDebts(before, after));
    problems.push(...checkUndo(before, after, act.do));
    const known = new Set(before.books.invoices.map(({ id }) => id));
    const made = after.books.invoices.filter(({ id }) => !known.has(id));
    const billed = made.reduce((sum, { amount_due }) => sum + amount_due, 0);
    const taken = kept(after.books) - kept(before.books);
    if (due !== undefined && billed !== due) {
      problems.push(`rule 3: quoted ${due}, billed ${billed}`);
    }
    if (shown !== undefined && taken > shown) {
      problems.push(`rule 3: ${taken} was taken, and the preview showed ${shown}`);
    }
    if (due === 0 && taken > 0) problems.push(`rule 3: ${taken} was taken, and nothing was quoted`);
    return problems;
  }

  private async carryOut(act: Act, { books, said, now }: Moment): Promise<Outcome | null> {
    const { person } = this;
    const live = liveOf(books);
    const body = act.do === 'rest' ? {} : { ...act, do: undefined, code: undefined };
    switch (act.do) {
      case 'rest':
        return null;
      case 'buy': {
        if (live) return null;
        const promotion = act.code ? { promotionCode: 'HALF' } : {};
        const open = () => person.post('checkout', { ...act.choice, ...promotion });
        const tabs = await Promise.all(act.twice ? [open(), open()] : [open()]);
        const words = [`buys ${JSON.stringify(body)}`];
        for (const { status, json } of tabs) {
          if (status >= 300) continue;
          const card = CARD_NUMBERS[act.card] ?? CARDS.good;
          const outcome = await payCheckout(String(json['url']), { card }).catch(String);
          words.push(outcome.slice(0, 60));
        }
        return { words: words.join(', '), answer: worst(tabs) };
      }
      case 'change': {
        if (!live) return null;
        const choice = { ...act.choice, when: act.when };
        const preview = await person.command('preview', choice);
        const words = `changes to ${JSON.stringify(choice)}`;
        if (preview.status !== 200) return { words: `${words}, previewed`, answer: preview };
        const { prorationDate, amountDue, losses } = preview.json as {
          prorationDate: string | null;
          amountDue: number;
          losses: { kind: string }[];
        };
        // The draft of a renewal, which is told in words.
        const isMore = losses.some(({ kind }) => kind === 'debt');
        const change = () => person.command('change', { ...choice, prorationDate });
        const answer = await send(change, act.twice);
        const trialing = live.status === 'trialing';
        return {
          words,
          answer,
          due: trialing || isMore || this.memory.gift ? undefined : amountDue,
        };
      }
      case 'cancel': {
        if (!live) return null;
        const shown = await this.shown('cancel', { when: act.when });
        const answer = await person.command('cancel', { when: act.when });
        if (answer.status < 300) this.memory.beforeCancel = JSON.stringify(said?.pendingChange);
        const free = act.when === 'period_end' ? { due: 0 } : {};
        return { words: `cancels ${act.when}`, answer, ...shown, ...free };
      }
      case 'pause': {
        if (!live) return null;
        const resumesAt =
          act.hours === null ? undefined : new Date((now + act.hours * 3_600) * 1000).toISOString();
        if (resumesAt) this.memory.collection = true;
        const words = `pauses ${act.hours === null ? '' : `for ${act.hours} h`}`;
        const shown = await this.shown('pause', { resumesAt });
        return { words, answer: await person.command('pause', { resumesAt }), ...shown };
      }
      case 'resume': {
        if (!live) return null;
        const shown = await this.shown('resume', {});
        const answer = await person.command('resume');
        const undone = said?.state === 'cancel_pending' || said?.state === 'downgrading';
        return { words: 'resumes', answer, ...shown, ...(undone ? { due: 0 } : {}) };
      }
      case 'reactivate': {
        if (live || books.subscriptions.length === 0) return null;
        const promotion = act.code ? { promotionCode: 'HALF' } : {};
        const wanted = { ...act.choice, ...promotion };
        const shown = await this.shown('reactivate', wanted);
        const answer = await send(() => person.command('reactivate', wanted), act.twice);
        return { words: `comes back ${JSON.stringify(body)}`, answer, ...shown };
      }
      case 'discount': {
        if (!live) return null;
        const answer = await person.command('discount', { promotionCode: 'HALF' });
        return { words: 'enters the code', answer, due: 0 };
      }
      case 'pay': {
        const open = books.invoices.find(({ status }) => status === 'open');
        if (!open) return null;
        const paymentMethod = await person.useCard(CARD_TOKENS.good);
        const pay = () => person.post(`invoices/${open.id}/pay`, { paymentMethod });
        return { words: `pays ${open.id}`, answer: await send(pay, act.twice) };
      }
      case 'bill': {
        if (this.customer === null) return null;
        // All operators call their requests the same; a repetition has a key.
        const headers: Record<string, string> = { 'x-request-id': 'trace-1' };
        if (act.twice) headers['idempotency-key'] = `bill-${person.id}-${books.invoices.length}`;
        const items = [{ description: 'Work', amount: act.amount, currency: 'usd' }];
        const bill = () =>
          person.asAdmin('invoices', { userId: person.id, items, collection: 'charge' }, headers);
        const answer = await send(bill, act.twice);
        if (answer.status < 300) this.memory.billed.push(act.amount);
        return { words: `an operator bills ${act.amount}`, answer };
      }
      case 'give_back':
      case 'give_credit':
      case 'grant':
      case 'revoke':
      case 'buy_once':
      case 'extend_trial': {
        const { server, memory } = this;
        return byOperator(act, { server, memory, books, live, now, account: person.id });
      }
      case 'card':
        if (this.customer === null) return null;
        await person.useCard(CARD_TOKENS[act.card]);
        return { words: `uses a card: ${act.card}` };
      case 'use':
        return live ? this.use(act.calls, { now, live }) : null;
      default:
        return this.inDashboard(act, { books, live, said });
    }
  }

  /** What the preview of a command says that it takes. */
  private async shown(command: string, body: object): Promise<{ shown?: number }> {
    const { status, json } = await this.person.command('preview', { command, ...body });
    return status === 200 ? { shown: Number(json['amountDue']) } : {};
  }

  private async use(
    calls: number,
    { now, live }: { now: number; live: Stripe.Subscription },
  ): Promise<Outcome | null> {
    const { usage } = this.server.services;
    const userId = this.person.id;
    // A minute ago: what happens in the very second of a command is Stripe's to decide.
    const at = (now - 60) * 1000;
    try {
      await usage.record([{ userId, meter: METER, quantity: calls, at }]);
    } catch {
      return null;
    }
    this.memory.calls += calls;
    if (live.status === 'trialing') this.memory.trialCalls += calls;
    // It may wait for an hour: so long a renewal is a draft. What ends by itself has no such hour.
    const ends = live.cancel_at !== null || live.cancel_at_period_end;
    if (calls % 2 === 0 || ends) await usage.flush([userId]);
    return { words: `makes ${calls} calls` };
  }

  private async inDashboard(
    act: Act,
    { books, live, said }: { books: Books; live: Stripe.Subscription | null; said: Said | null },
  ): Promise<Outcome | null> {
    const words = await inDashboard(act, {
      stripe: this.server.stripe,
      books,
      live,
      catalogue: this.catalogue,
      memory: this.memory,
      customer: this.customer,
      pending: said?.pendingChange ?? null,
      item: live && planItemOf(live, this.catalogue),
      ibans: IBANS,
    }).catch((error: unknown) => `(refused by Stripe: ${String(error).slice(0, 160)})`);
    return words === null ? null : { words: `Dashboard: ${words}` };
  }
}

/** The answer that tells most of what went wrong. */
function worst(answers: readonly Answer[]): Answer {
  return answers.toSorted((a, b) => b.status - a.status)[0]!;
}

function wordsOf({ status, json }: Answer): string {
  const error = json['error'] as { code: string; message: string } | undefined;
  if (error) return `${status} ${error.code}: ${error.message.slice(0, 100)}`;
  const view = json['subscription'] as Said | undefined;
  return view ? `${status} ${view.state}, access ${view.access.level}` : String(status);
}
