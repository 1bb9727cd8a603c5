import { randomUUID } from 'node:crypto';
import { isGatewayError } from '../../../adapters/stripe-gateway.ts';
import { newestTransitionId } from '../../../db/dashboard-transitions.ts';
import { requireOperatorRole } from '../../http/audit.ts';
import { AppError, toAppError } from '../../http/errors.ts';
import type { Method } from '../../http/define-route.ts';
import { page, redirect } from '../../http/pages/respond.ts';
import { ApiRefusal } from '../../http/api-answer.ts';
import { accountPath, apiPath, type ActForm, type Values } from '../pages/act-forms/act-form.ts';
import { actNamed } from '../pages/act-forms/index.ts';
import { accountView, targetOf } from '../pages/queries/account.ts';
import { accountPage } from '../pages/views/account.ts';
import { actFormPage, actResultPage, confirmActPage } from '../pages/views/act.ts';
import { messagePage } from '../pages/views/others.ts';
import {
  adminForm,
  adminPage,
  frameOf,
  withNotice,
  type AdminContext,
  type FormContext,
  type PageContext,
} from './admin-page.ts';

const account = adminPage({
  path: '/admin/accounts/:id',
  role: 'viewer',
  summary: 'One account: what it pays, has and was told',
  handler: async (context) => {
    const { params, query, services } = context;
    const view = await accountView(services, params['id'] ?? '', {
      money: query.get('money') === '1',
    });
    if (!view) return notHere(context, 'There is no such account here.');
    return page(accountPage(await frameOf(context), view));
  },
});

const ACT_PATH = '/admin/accounts/:id/acts/:act';

const methodOf = ({ method }: Request): Method => (method === 'POST' ? 'POST' : 'GET');

const actForm = adminPage({
  path: ACT_PATH,
  role: 'support',
  summary: 'The form of an act for an account',
  handler: async (context) => {
    const found = await actOf(context);
    if (!found) return notHere(context, 'There is no such account, or no such act.');
    const values = valuesOf(context.query);
    return page(actFormPage(await frameOf(context), { ...found, values, error: null }));
  },
});

const act = adminForm({
  path: ACT_PATH,
  role: 'support',
  summary: 'Shows what an act would do, and does it when that is confirmed',
  handler: async (context) => {
    const found = await actOf(context);
    if (!found) return notHere(context, 'There is no such account, or no such act.');
    return context.form.get('step') === 'do' ? perform(context, found) : confirm(context, found);
  },
});

type Found = NonNullable<Awaited<ReturnType<typeof actOf>>>;

/** The act that the path names; throws 403 for one that needs more than the operator is. */
async function actOf({ services, params, session, request }: AdminContext) {
  const form = actNamed(params['act'] ?? '');
  if (form?.role !== undefined) {
    const needed = { role: form.role, method: methodOf(request), path: ACT_PATH };
    await requireOperatorRole(needed, session.operator, services);
  }
  const target = form && (await targetOf(services, params['id'] ?? ''));
  return form && target && { act: form, target };
}

/** The first step: what it would cost, give and take. */
async function confirm(context: FormContext, { act, target }: Found): Promise<Response> {
  const values = valuesOf(context.form);
  try {
    const shown = await act.preview(values, { target, api: context.api });
    const view = { act, target, values: { ...values, ...shown.fields }, shown, key: randomUUID() };
    return page(confirmActPage(await frameOf(await asPage(context)), view));
  } catch (error) {
    const { words, status } = refusalOf(error);
    const frame = await frameOf(await asPage(context));
    return page(actFormPage(frame, { act, target, values, error: words }), status);
  }
}

/** The second step. The key is that of the confirmation: sent twice, it acts once. */
async function perform(context: FormContext, { act, target }: Found): Promise<Response> {
  const { api, form } = context;
  const values = valuesOf(form);
  try {
    const { path, body, method = 'POST' } = act.request(values, target);
    const key = form.get('key');
    const answer = await api.call(apiPath(target, path), { method, body, key });
    const link = act.link?.(answer as Record<string, unknown>) ?? null;
    if (link === null) return redirect(done(act, target.accountId));
    return page(actResultPage(await frameOf(await asPage(context)), { act, target, link }));
  } catch (error) {
    const { words, status } = refusalOf(error);
    const frame = await frameOf(await asPage(context));
    // Whether it was done is not known: with the same key it is done once, whatever came before.
    const retry = status >= 500 || status === 429 ? form.get('key') : null;
    return page(actFormPage(frame, { act, target, values, error: words, retry }), status);
  }
}

function done({ name }: ActForm, accountId: string): string {
  return withNotice(accountPath(accountId, '?money=1'), `act-${name}`);
}

/** What was refused, in words; everything that is no refusal goes its usual way. */
function refusalOf(error: unknown): { words: string; status: number } {
  if (error instanceof ApiRefusal) return { words: error.message, status: error.status };
  if (error instanceof AppError) return { words: error.message, status: error.status };
  if (isGatewayError(error, 'invalid', 'not_found')) {
    return { words: `Stripe refused it: ${error.message}`, status: 409 };
  }
  if (!isGatewayError(error)) throw error;
  const { message, status } = toAppError(error);
  return { words: message, status };
}

const OWN_FIELDS = new Set(['csrf', 'back', 'step', 'key', 'did', 'n']);

/** The fields of the act; what is empty was not given. */
function valuesOf(fields: URLSearchParams): Values {
  const own = [...fields].filter(([name, value]) => !OWN_FIELDS.has(name) && value.trim() !== '');
  return Object.fromEntries(own.map(([name, value]) => [name, value.trim()]));
}

/** A form that answers with a page. */
async function asPage(context: AdminContext): Promise<PageContext> {
  return { ...context, seen: await newestTransitionId(context.services.database.knex) };
}

async function notHere(context: AdminContext, words: string): Promise<Response> {
  const frame = await frameOf(await asPage(context));
  return page(messagePage(frame, { title: 'Not found', words }), 404);
}

export const ACCOUNT_PAGES = [account, actForm, act];
