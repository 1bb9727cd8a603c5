import { loadAssets } from '../pages/assets.ts';
import { docsPage, type ApiDocument } from './page.ts';
import { openApiDocument } from '../openapi.ts';
import { defineRoute, json, type Route } from '../define-route.ts';
import { page } from '../pages/respond.ts';

/** The API's description, for programs and for people, of the whole table that these routes are in. */
export function descriptionRoutes(table: () => readonly Route[]): Route[] {
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
      response: null,
      handler: async (_request, { services }) => {
        const { css, js } = await loadAssets();
        return page(
          docsPage(document() as unknown as ApiDocument, {
            origin: services.config.http.appUrl,
            assets: { css: css.path, js: js.path },
          }),
        );
      },
    }),
  ];
}
