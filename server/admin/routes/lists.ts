import { z } from 'zod';
import { AppError } from '../../http/errors.ts';
import { defineRoute } from '../../http/define-route.ts';
import { page, POLICY } from '../../http/pages/respond.ts';
import { exportStream } from '../pages/lists/export.ts';
import { LISTS, listNamed } from '../pages/lists/index.ts';
import { wishOf, type List } from '../pages/lists/list.ts';
import type { Section } from '../pages/page.ts';
import { mailView } from '../pages/queries/mails.ts';
import { mailPage, type MailView } from '../pages/views/mail.ts';
import { messagePage } from '../pages/views/others.ts';
import { listPage } from '../pages/views/list.ts';
import { adminPage, frameOf, type PageContext } from './admin-page.ts';

const PAGE = 50;

function sectionOf({ path }: List<unknown>): Section {
  if (path.startsWith('/admin/boards')) return 'boards';
  return path === '/admin/mails' || path === '/admin/webhooks' ? 'mails' : 'accounts';
}

const pages = LISTS.filter(({ path }) => path !== '/admin/subscriptions').map((list) =>
  adminPage({
    path: list.path,
    role: 'viewer',
    summary: `${list.title}. ${list.about}`,
    handler: async (context) => {
      const { services, query } = context;
      const wish = { ...wishOf(list, query), after: query.get('after') };
      const found = await list.page(services, { ...wish, limit: PAGE });
      const section = sectionOf(list);
      return page(
        listPage(await frameOf(context), {
          list,
          wish,
          page: found,
          siblings: LISTS.filter((each) => sectionOf(each) === section),
          section,
          businessNow: services.clock.now(),
        }),
      );
    },
  }),
);

const mail = adminPage({
  path: '/admin/mails/:id',
  role: 'viewer',
  summary: 'One mail as it looks',
  handler: async (context) => {
    const view = await viewOf(context);
    const frame = await frameOf(context);
    if (view) return page(mailPage(frame, view), 200, WITH_FRAME);
    return page(messagePage(frame, { title: 'Not found', words: 'There is no such mail.' }), 404);
  },
});

async function viewOf({ services, params }: PageContext): Promise<MailView | null> {
  const id = /^\d{1,15}$/.test(params['id'] ?? '') ? Number(params['id']) : null;
  return id === null ? null : mailView(services, id);
}

/** A mail's own markup, as mail programs show it: inline styles and pictures, nothing that acts, and no origin. */
const mailMarkup = adminPage({
  path: '/admin/mails/:id/html',
  role: 'viewer',
  summary: 'The HTML of one mail, for a frame',
  handler: async (context) => {
    const markup = (await viewOf(context))?.look.html;
    if (markup === undefined) throw new AppError('not_found', 'This mail has no HTML.');
    return page(markup, 200, MAIL_POLICY);
  },
});

const MAIL_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; img-src https: http: data:; sandbox; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";
const WITH_FRAME = `${POLICY}; frame-src 'self'`;

const TYPES = {
  csv: 'text/csv; charset=utf-8; header=present',
  ndjson: 'application/x-ndjson; charset=utf-8',
} as const;

const exported = defineRoute({
  method: 'GET',
  path: '/admin/api/export/:list',
  auth: 'admin',
  role: 'viewer',
  summary: 'A whole list as CSV or as lines of JSON',
  description: `One of ${LISTS.map(({ name }) => `\`${name}\``).join(', ')}, with the filters and the order of its page. Amounts are in minor units. It is streamed: its length is not known before its end.`,
  query: z
    .object({ format: z.enum(['csv', 'ndjson']).default('csv') })
    .catchall(z.string().max(200)),
  response: null,
  produces: 'text/csv',
  errors: ['not_found'],
  handler: async (request, { services, params, query }) => {
    const list = listNamed(params['list'] ?? '');
    if (!list) throw new AppError('not_found', 'There is no such list.');
    const wish = wishOf(list, new URL(request.url).searchParams);
    const { format } = query;
    return new Response(exportStream(services, list, { ...wish, format }), {
      headers: {
        'content-type': TYPES[format],
        'content-disposition': `attachment; filename="${list.name}.${format}"`,
        'cache-control': 'no-store',
      },
    });
  },
});

export const LIST_ROUTES = [...pages, mail, mailMarkup, exported];
