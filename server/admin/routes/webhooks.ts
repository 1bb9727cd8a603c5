import { z } from 'zod';
import { listWebhooks, resendWebhook } from '../../../db/webhooks.ts';
import { WEBHOOK_TYPES } from '../../../state/effect-kinds.ts';
import { ApiRefusal } from '../../http/api-answer.ts';
import { AppError } from '../../http/errors.ts';
import { defineRoute, json } from '../../http/define-route.ts';
import { page, redirect } from '../../http/pages/respond.ts';
import { cutPage } from '../pages/lists/list.ts';
import {
  DEFAULT_RECEIVER,
  webhookItem,
  webhookView,
  type WebhookItem,
} from '../pages/queries/webhooks.ts';
import { messagePage } from '../pages/views/others.ts';
import { webhookPage } from '../pages/views/webhook.ts';
import { adminForm, adminPage, frameOf, withNotice } from './admin-page.ts';
import { time } from './schemas.ts';

const PAGE = 50;

const item = z.object({
  id: z.string(),
  type: z.string().describe('The type of the event.'),
  receiver: z
    .string()
    .describe(
      'Who is told; `default` is that of `OUTGOING_WEBHOOK_URL`, `@hooks` are functions of the host app.',
    ),
  state: z
    .enum(['waiting', 'delivered', 'not sent', 'dead'])
    .describe('`not sent` where there was nothing to tell any more.'),
  objectId: z.string(),
  attempts: z.int(),
  reason: z.string().nullable().describe('Why the last attempt failed, or nothing was sent.'),
  createdAt: time,
  deliveredAt: time.nullable(),
  nextAttemptAt: time.nullable(),
});

const details = item.extend({
  webhookId: z.string().describe('The header `webhook-id` of each attempt.'),
  url: z
    .string()
    .nullable()
    .describe(
      'Where it goes; `in process` for hooks, null for a receiver that is not set any more.',
    ),
  cause: z.string().nullable(),
  payload: z
    .record(z.string(), z.unknown())
    .describe('The message as it was stored; what is sent says how things are by then.'),
  log: z
    .array(
      z.object({
        at: time.describe('When the attempt began.'),
        durationMs: z.int().describe('How long it took.'),
        status: z.int().nullable().describe('The HTTP status of the answer; null without one.'),
        error: z.string().nullable(),
      }),
    )
    .describe('The attempts, oldest first, of the last hundred.'),
});

const iso = (at: number | null) => (at === null ? null : new Date(at).toISOString());
const shown = <Item extends WebhookItem>(each: Item) => ({
  ...each,
  id: String(each.id),
  createdAt: iso(each.createdAt),
  deliveredAt: iso(each.deliveredAt),
  nextAttemptAt: iso(each.nextAttemptAt),
});

const list = defineRoute({
  method: 'GET',
  path: '/admin/api/webhooks',
  auth: 'admin',
  role: 'viewer',
  summary: 'Outgoing webhooks, newest first, one for each receiver',
  query: z.strictObject({
    status: z.enum(['waiting', 'delivered', 'dead']).optional(),
    type: z.enum(WEBHOOK_TYPES).optional(),
    receiver: z.string().max(64).optional().describe('The name of a receiver, or `default`.'),
    cursor: z
      .string()
      .regex(/^\d{1,15}$/)
      .optional(),
  }),
  response: z.object({
    webhooks: z.array(item).describe('Outgoing webhooks, newest first.'),
    nextCursor: z.string().nullable(),
  }),
  handler: async (_request, { services, query }) => {
    const { cursor, receiver, ...filter } = query;
    const rows = await listWebhooks(services.database.knex, {
      ...filter,
      ...(receiver !== undefined && { receiver: receiver === DEFAULT_RECEIVER ? '' : receiver }),
      ...(cursor !== undefined && { beforeId: Number(cursor) }),
      limit: PAGE + 1,
    });
    const found = cutPage(rows, PAGE, ({ id }) => String(id));
    return json({
      webhooks: found.rows.map((row) => shown(webhookItem(row))),
      nextCursor: found.next,
    });
  },
});

const one = defineRoute({
  method: 'GET',
  path: '/admin/api/webhooks/:id',
  auth: 'admin',
  role: 'viewer',
  summary: 'One outgoing webhook with each attempt to deliver it',
  response: details,
  errors: ['not_found'],
  handler: async (_request, { services, params }) => {
    const view = await webhookView(services, params['id'] ?? '');
    if (!view) throw noSuchWebhook();
    const log = view.log.map(({ at, durationMs, status, error }) => ({
      at: iso(at),
      durationMs,
      status,
      error,
    }));
    return json({ ...shown(view), log });
  },
});

const resend = defineRoute({
  method: 'POST',
  path: '/admin/api/webhooks/:id/resend',
  auth: 'admin',
  role: 'support',
  summary: 'Sends an outgoing webhook again, or at once if it waits for its next attempt',
  description: 'Its `webhook-id` stays: a receiver that has handled it drops it.',
  response: z.object({ id: z.string() }),
  status: 202,
  errors: ['not_found', 'not_allowed'],
  handler: async (_request, { services, params }) => {
    const view = await webhookView(services, params['id'] ?? '');
    if (!view) throw noSuchWebhook();
    if (view.url === null) {
      throw new AppError('not_allowed', `There is no receiver "${view.receiver}" any more.`);
    }
    await resendWebhook(services.database.knex, view.id);
    services.engine.wake();
    return json({ id: String(view.id) }, 202);
  },
});

const noSuchWebhook = () => new AppError('not_found', 'There is no such outgoing webhook.');

const webhookRoute = adminPage({
  path: '/admin/webhooks/:id',
  role: 'viewer',
  summary: 'One outgoing webhook with its attempts',
  handler: async (context) => {
    const view = await webhookView(context.services, context.params['id'] ?? '');
    const frame = await frameOf(context);
    if (view) return page(webhookPage(frame, view));
    const words = 'There is no such outgoing webhook.';
    return page(messagePage(frame, { title: 'Not found', words }), 404);
  },
});

const resendForm = adminForm({
  path: '/admin/webhooks/:id/resend',
  role: 'support',
  summary: 'Sends an outgoing webhook again',
  handler: async ({ api, params }) => {
    const id = encodeURIComponent(params['id'] ?? '');
    await api.call(`/admin/api/webhooks/${id}/resend`).catch((error: unknown) => {
      if (!(error instanceof ApiRefusal)) throw error;
      throw new AppError(error.status === 404 ? 'not_found' : 'not_allowed', error.message);
    });
    return redirect(withNotice(`/admin/webhooks/${id}`, 'resent'));
  },
});

export const WEBHOOK_ROUTES = [list, one, resend, webhookRoute, resendForm];
