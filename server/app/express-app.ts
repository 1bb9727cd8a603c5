import express, { type Express } from 'express';
import helmet from 'helmet';
import { createRouter } from '../../adapters/express.ts';
import type { FetchHandler } from '../../adapters/fetch.ts';
import type { ProxyTrust } from '../config/config.ts';

/** Pages load nothing from elsewhere and run no inline script or style. */
const CONTENT_SECURITY_POLICY = {
  useDefaults: false,
  directives: {
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'"],
    styleSrc: ["'self'"],
    imgSrc: ["'self'", 'data:'],
    fontSrc: ["'self'"],
    connectSrc: ["'self'"],
    formAction: ["'self'"],
    baseUri: ["'none'"],
    frameAncestors: ["'none'"],
  },
};

/** The Express 5 app around the route table: security headers, then the handler for every path. */
export function createApp(handler: FetchHandler, options: { trustProxy: ProxyTrust }): Express {
  const app = express();
  app.disable('x-powered-by');
  app.set('trust proxy', options.trustProxy ?? false);
  app.use(helmet({ contentSecurityPolicy: CONTENT_SECURITY_POLICY }));
  app.use(createRouter(handler, { innerPath: '' }));
  return app;
}
