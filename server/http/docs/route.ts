import { loadAssets } from '../pages/assets.ts';
import { docsPage, type ApiDocument } from './page.ts';
import { openApiDocument, type ApiTable } from '../openapi.ts';
import { defineRoute, json, type Route } from '../define-route.ts';
import { page } from '../pages/respond.ts';
import type { Services } from '../../lib/services.ts';
import type { Samples } from './schema-view.ts';
import { z } from 'zod';

const DAY = 86_400_000;

/** Values with which the examples run on this server: what it sells, and days that are still to come. */
function samplesFor({ catalogue, clock }: Pick<Services, 'catalogue' | 'clock'>): Samples {
  const plan = catalogue.plans.find(({ prices }) => Object.keys(prices).length > 0);
  const meters = catalogue.plans.flatMap((each) => each.meters ?? []);
  const inDays = (days: number): string => new Date(clock.now() + days * DAY).toISOString();
  return {
    plan: plan?.id,
    interval: Object.keys(plan?.prices ?? {})[0],
    meter: meters[0]?.meter ?? 'api_calls',
    product: catalogue.products[0]?.id ?? 'product',
    currency: 'usd',
    amount: 500,
    percentOff: 20,
    code: 'WELCOME',
    promotionCode: 'WELCOME',
    idempotencyKey: 'report-1',
    userId: 'user_1',
    customerId: 'cus_123',
    sessionId: 'cs_test_123',
    payment: 'ch_123',
    from: inDays(-30).slice(0, 10),
    to: inDays(0).slice(0, 10),
    endsAt: inDays(14),
    resumesAt: inDays(14),
  };
}

/** The API's description, for programs and for people, of the whole table that these routes are in. */
export function descriptionRoutes(table: () => ApiTable): Route[] {
  // Routes do not change while a process runs, and turning every schema into JSON Schema takes a while.
  let made: Record<string, unknown> | null = null;
  const document = () => (made ??= openApiDocument(table()));
  return [
    defineRoute({
      method: 'GET',
      path: '/openapi.json',
      auth: 'public',
      summary: 'This document',
      response: null,
      produces: 'application/json',
      handler: async () => json(document()),
    }),
    defineRoute({
      method: 'GET',
      path: '/docs',
      auth: 'public',
      page: true,
      summary: 'The API as a page for people',
      query: z.object({ q: z.string().max(200).default('') }),
      response: null,
      handler: async (_request, { services, query }) => {
        const { css, js } = await loadAssets();
        return page(
          docsPage(document() as unknown as ApiDocument, {
            origin: services.config.http.appUrl,
            assets: { css: css.path, js: js.path },
            samples: samplesFor(services),
            search: query.q.trim(),
          }),
        );
      },
    }),
  ];
}
