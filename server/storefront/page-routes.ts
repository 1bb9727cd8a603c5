import { ApiRefusal } from '../http/api-answer.ts';
import { redirect } from '../http/pages/respond.ts';
import { accountContent } from './account-page.ts';
import type { AccountView } from './account-view.ts';
import { codeContent } from './account-panels.ts';
import { bodyOf, CONFIRMED, confirmContent } from './confirm-page.ts';
import { noticeFor, type Did } from './notices.ts';
import type { Choice } from './public-api.ts';
import { onward, show, type PageSpec, type Visit } from './site.ts';
import { previewContent } from './views.ts';

const account: PageSpec = {
  method: 'GET',
  name: '',
  summary: "The customer's account",
  handler: async (visit) => {
    const view = await viewOf(visit);
    const { subscription, offer } = view;
    const words = noticeFor(visit.query.get('did') ?? '', subscription, offer.plans);
    const notice = words === null ? null : { words, bad: false };
    return show(visit, { title: 'Account', content: accountContent(view), notice });
  },
};

async function viewOf({ api, links, query }: Visit): Promise<AccountView> {
  const [subscription, offer, invoices, purchases, credit, next] = await Promise.all([
    api.subscription(),
    api.offer(),
    api.invoices(),
    api.purchases(),
    api.credit(),
    api.upcoming(),
  ]);
  const unpaid = subscription?.unpaidInvoiceId ?? null;
  const plan = offer.plans.find(({ id }) => id === subscription?.plan);
  const meters = [...new Set((plan?.meters ?? []).map(({ meter }) => meter))];
  const [open, ...usage] = await Promise.all([
    unpaid === null ? null : api.openInvoice(unpaid).catch(withoutInvoice),
    ...meters.map((meter) => api.usage(meter)),
  ]);
  const asked = query.get('interval');
  const interval = asked === 'yearly' || asked === 'monthly' ? asked : null;
  return { subscription, offer, invoices, purchases, credit, next, open, usage, links, interval };
}

/** An invoice that another program made is not shown here. */
function withoutInvoice(error: unknown): null {
  if (error instanceof ApiRefusal && error.status === 404) return null;
  throw error;
}

const checkout: PageSpec = {
  method: 'POST',
  name: 'checkout',
  summary: 'Goes to Checkout for a plan',
  handler: async (visit) => {
    const promotionCode = visit.form.get('code')?.trim() || undefined;
    const choice = choiceOf(visit.form);
    return onward(visit, await visit.api.command('checkout', { ...choice, promotionCode }), '');
  },
};

const purchase: PageSpec = {
  method: 'POST',
  name: 'buy',
  summary: 'Goes to Checkout for something that is bought once',
  handler: async (visit) => {
    const product = visit.form.get('product') ?? '';
    return onward(visit, await visit.api.command('payments', { product }), '');
  },
};

/** Checkout comes back here, now and then before Stripe's word about it has. */
const back: PageSpec = {
  method: 'GET',
  name: 'return',
  summary: 'Back from Checkout: what was bought is stored',
  handler: async (visit) => {
    const session = visit.query.get('session_id') ?? '';
    if (!/^cs_\w+$/.test(session)) return onward(visit, null, '');
    return onward(visit, null, (await visit.api.sync(session)) ? 'purchased' : 'bought');
  },
};

const preview: PageSpec = {
  method: 'POST',
  name: 'preview',
  summary: 'What a change of plan or seats costs',
  handler: async (visit) => {
    const choice = choiceOf(visit.form);
    const [quote, plans] = await Promise.all([visit.api.preview(choice), visit.api.plans()]);
    const name = plans.find(({ id }) => id === choice.plan)?.name ?? choice.plan;
    return show(visit, {
      title: 'Change the plan',
      content: previewContent(quote, { ...choice, name }, visit.links),
    });
  },
};

/** A reload of an address that only a form has reached. */
const reload = (name: string): PageSpec => ({
  method: 'GET',
  name,
  summary: 'Back to the account',
  handler: async (visit) => onward(visit, null, ''),
});

const change: PageSpec = {
  method: 'POST',
  name: 'change',
  summary: 'Changes the plan at the price that was shown',
  handler: async (visit) => {
    const { api, form } = visit;
    const date = form.get('prorationDate') ?? '';
    const prorationDate = /^\d+$/.test(date) ? Number(date) : date || undefined;
    const when = form.get('when') ?? undefined;
    const body = {
      ...choiceOf(form),
      ...(prorationDate !== undefined && { prorationDate }),
      ...(when !== undefined && { when }),
    };
    return onward(visit, await api.command('subscription/change', body), 'changed');
  },
};

/** Says what a command costs or ends, before it is sent. */
const confirm: PageSpec = {
  method: 'GET',
  name: 'confirm/:command',
  summary: 'What a command costs, and its button',
  handler: async (visit) => {
    const { api, links, params, query } = visit;
    const command = CONFIRMED.find((name) => name === params['command']);
    const [subscription, plans] = await Promise.all([api.subscription(), api.plans()]);
    if (!command || !subscription?.actions.includes(command)) return onward(visit, null, '');
    const when = query.get('when') === 'period_end' ? 'period_end' : 'now';
    const quote = await api.quote(command, bodyOf(command, subscription, when));
    return show(visit, {
      title: 'Please confirm',
      content: confirmContent(command, { subscription, plans, quote, links, when }),
      notice:
        query.get('price') === 'changed'
          ? { words: 'The price has changed. Please look again.', bad: true }
          : null,
    });
  },
};

/** A button of the account page that is one call of the API. */
function command(
  path: string,
  did: Did | '',
  bodyFrom: (form: URLSearchParams) => Record<string, unknown>,
): PageSpec {
  return {
    method: 'POST',
    name: path,
    summary: `The account page's button for ${path}`,
    handler: async (visit) => {
      const { api, form, links } = visit;
      const confirmed = confirmOf(form);
      const askAgain = () => redirect(links(`confirm/${path}`, { price: 'changed' }));
      // The API takes the plan at its price; a page has shown the sum first.
      if (path === 'reactivate' && confirmed === null) return askAgain();
      const body = { ...bodyFrom(form), ...confirmed };
      try {
        const target = path === 'portal' ? path : `subscription/${path}`;
        return onward(visit, await api.command(target, body), did);
      } catch (error) {
        const isPrice = error instanceof ApiRefusal && PRICE_CODES.has(error.code);
        if (!isPrice || !CONFIRMED.some((name) => name === path)) throw error;
        return askAgain();
      }
    },
  };
}

const PRICE_CODES: ReadonlySet<string> = new Set(['confirmation_required', 'quote_expired']);

/** The price that the form's page showed. */
function confirmOf(form: URLSearchParams): Record<string, unknown> | null {
  const [amountDue, currency] = [form.get('amountDue'), form.get('currency')];
  if (amountDue === null || currency === null) return null;
  return { confirm: { amountDue: Number(amountDue), currency } };
}

function leaving(form: URLSearchParams): Record<string, unknown> {
  const [feedback, comment] = [form.get('feedback'), form.get('comment')?.trim()];
  return {
    when: form.get('when') ?? 'period_end',
    ...(feedback && { feedback }),
    ...(comment && { comment }),
  };
}

/** What a code is worth, before it replaces the discount that is there. */
const code: PageSpec = {
  method: 'POST',
  name: 'code',
  summary: 'What a promotion code is worth',
  handler: async (visit) => {
    const promotion = await visit.api.promotion(visit.form.get('code')?.trim() ?? '');
    return show(visit, { title: 'Promotion code', content: codeContent(promotion, visit.links) });
  },
};

const invoicePdf: PageSpec = {
  method: 'GET',
  name: 'invoices/:id/pdf',
  summary: 'An invoice of the customer as a PDF',
  handler: async (visit) => onward(visit, await visit.api.invoicePdf(visit.params['id'] ?? ''), ''),
};

/** A plan as chosen in a form: `choice` is a button's `plan/interval`. */
export function choiceOf(fields: URLSearchParams): Choice {
  const [plan, interval] = (fields.get('choice') ?? '').split('/');
  const quantity = fields.get('quantity') ?? '';
  return {
    plan: plan || (fields.get('plan') ?? ''),
    interval: interval ?? fields.get('interval') ?? '',
    ...(/^\d{1,7}$/.test(quantity) && { quantity: Number(quantity) }),
  };
}

/** The pages for a customer who is known. They know nothing but the public routes, which they call as a customer's app would. */
export const ACCOUNT_PAGES: readonly PageSpec[] = [
  account,
  checkout,
  purchase,
  back,
  preview,
  reload('preview'),
  change,
  confirm,
  command('cancel', 'canceled', leaving),
  command('resume', 'resumed', () => ({})),
  command('pause', 'paused', () => ({})),
  command('portal', '', (form) => (form.get('flow') ? { flow: form.get('flow') } : {})),
  command('reactivate', 'back', (form) => ({ ...choiceOf(form) })),
  code,
  reload('code'),
  command('discount', 'discount', (form) => ({ promotionCode: form.get('code') })),
  invoicePdf,
];
