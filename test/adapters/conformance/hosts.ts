import type { RequestListener } from 'node:http';
import { createRequire } from 'node:module';
import { getRequestListener } from '@hono/node-server';
import express from 'express';
import { Hono } from 'hono';
import { createRouter } from '../../../adapters/express.ts';
import { mountFetch, type FetchHandler } from '../../../adapters/fetch.ts';
import { createRouteHandlers } from '../../../adapters/next.ts';
import { createNodeListener } from '../../../adapters/node.ts';
import { createBillingRouter } from '../../../server/entrypoints/express.ts';
import { createBillingHandler } from '../../../server/entrypoints/fetch.ts';
import { isBillingPath } from '../../../server/app/start-billing.ts';
import { createHandler } from '../../../server/app/route-list.ts';
import type { Services } from '../../../server/lib/services.ts';

/** Where every host mounts the API. */
export const MOUNT = '/some/where';
const PATHS = { mountPath: MOUNT, innerPath: '/api' };

/** An app around an adapter: with any handler, and with the billing API as its users mount it. */
export interface Host {
  transport: (handler: FetchHandler) => RequestListener;
  api: (services: Services) => RequestListener;
}

// Its declarations are those of Express 5; what is used of it here is the same.
const express4 = createRequire(import.meta.url)('express4') as typeof express;

export const HOSTS: Record<string, Host> = {
  'Express 5': expressHost(express),
  'Express 4': expressHost(express4),
  'Express 5 behind express.raw()': expressHost(express, (app) => {
    app.use(express.raw({ type: () => true, limit: '5mb' }));
  }),
  'Fetch under Hono': {
    transport: (handler) => {
      const mounted = mountFetch(handler, PATHS);
      const app = new Hono();
      app.all('*', async (c) => (await mounted(c.req.raw)) ?? c.notFound());
      return honoListener(app);
    },
    api: (services) => {
      const billing = createBillingHandler({ services, mountPath: MOUNT });
      const app = new Hono();
      app.all(`${MOUNT}/*`, (c) => billing(c.req.raw));
      return honoListener(app);
    },
  },
  'node:http': {
    transport: (handler) => {
      const mounted = mountFetch(handler, PATHS);
      return nodeListener(async (request) => (await mounted(request)) ?? notFound());
    },
    api: (services) => nodeListener(createBillingHandler({ services, mountPath: MOUNT })),
  },
  'Next route handlers': {
    transport: (handler) => nextListener(handler),
    api: (services) => nextListener(createHandler(services)),
  },
};

function expressHost(
  framework: typeof express,
  before: (app: express.Express) => void = () => undefined,
): Host {
  const host = (router: ReturnType<typeof createRouter>) => {
    const app = framework();
    app.disable('x-powered-by');
    before(app);
    app.use(MOUNT, router);
    return app;
  };
  return {
    transport: (handler) => host(createRouter(handler, { innerPath: '/api' })),
    api: (services) => host(createBillingRouter({ services })),
  };
}

function nextListener(handler: FetchHandler): RequestListener {
  const handlers = createRouteHandlers(() => handler, { ...PATHS, serves: isBillingPath });
  return nodeListener((request) => handlers[request.method as keyof typeof handlers](request));
}

function nodeListener(handler: FetchHandler): RequestListener {
  const listener = createNodeListener(handler);
  return (request, response) => void listener(request, response);
}

function honoListener(app: Hono): RequestListener {
  const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false });
  return (request, response) => void listener(request, response);
}

function notFound(): Response {
  return new Response(null, { status: 404 });
}
