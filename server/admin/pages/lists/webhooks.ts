import type { OutboxRow, OutboxStatus } from '../../../../db/outbox.ts';
import { listWebhooks } from '../../../../db/webhooks.ts';
import { WEBHOOK_TYPES } from '../../../../state/effect-kinds.ts';
import { exact } from '../../../http/pages/format.ts';
import { html } from '../../../http/pages/html.ts';
import { DEFAULT_RECEIVER, webhookItem } from '../queries/webhooks.ts';
import { webhookState } from '../views/webhook.ts';
import { cutPage, iso, type List } from './list.ts';

/** Every outgoing webhook, by receiver: sent, waiting or given up. */
export const webhooks: List<OutboxRow> = {
  name: 'webhooks',
  path: '/admin/webhooks',
  title: 'Outgoing webhooks',
  about: 'What your own systems are told, by receiver, with what became of it.',
  empty: 'No outgoing webhooks.',
  filters: [
    {
      name: 'status',
      label: 'State',
      options: [
        ['waiting', 'waiting'],
        ['delivered', 'delivered, or nothing to send'],
        ['dead', 'dead'],
      ],
    },
    { name: 'type', label: 'Type', options: WEBHOOK_TYPES.map((type) => [type, type] as const) },
    { name: 'receiver', label: 'Receiver' },
  ],
  sorts: [['newest', 'newest first']],
  columns: [
    { name: 'id', title: 'Id', value: (row) => row.id },
    {
      name: 'type',
      title: 'Type',
      value: (row) => webhookItem(row).type,
      cell: (row) =>
        html`<a class="mono" href="/admin/webhooks/${row.id}">${webhookItem(row).type}</a>`,
    },
    {
      name: 'receiver',
      title: 'Receiver',
      value: (row) => webhookItem(row).receiver,
      cell: (row) => webhookItem(row).receiver,
    },
    {
      name: 'object',
      title: 'About',
      value: (row) => webhookItem(row).objectId,
      cell: (row) => html`<span class="mono wrap">${webhookItem(row).objectId}</span>`,
    },
    {
      name: 'state',
      title: 'State',
      value: (row) => webhookItem(row).state,
      cell: (row) => {
        const { state, reason } = webhookItem(row);
        return html`${webhookState(state)}${reason !== null && html`<div class="muted wrap">${reason}</div>`}`;
      },
    },
    { name: 'reason', title: 'Reason', value: (row) => row.lastError },
    {
      name: 'attempts',
      title: 'Attempts',
      right: true,
      value: (row) => row.attempts,
      cell: (row) => row.attempts,
    },
    {
      name: 'createdAt',
      title: 'Made',
      value: (row) => iso(row.createdAt),
      cell: (row) => exact(row.createdAt),
    },
    {
      name: 'deliveredAt',
      title: 'Delivered',
      value: (row) => iso(webhookItem(row).deliveredAt),
      cell: (row) => {
        const { deliveredAt } = webhookItem(row);
        return deliveredAt !== null && exact(deliveredAt);
      },
    },
  ],
  page: async ({ database }, { filters, after, limit }) => {
    const { status, type, receiver } = filters;
    const rows = await listWebhooks(database.knex, {
      ...(status !== undefined && { status: status as OutboxStatus }),
      ...(type !== undefined && { type }),
      ...(receiver !== undefined && { receiver: receiver === DEFAULT_RECEIVER ? '' : receiver }),
      ...(/^\d{1,15}$/.test(after ?? '') && { beforeId: Number(after) }),
      limit: limit + 1,
    });
    return cutPage(rows, limit, ({ id }) => String(id));
  },
};
