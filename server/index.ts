/** `tenure`: the parts that every host app may need, whatever its framework. */
export { migrate } from '../db/migrate.ts';
export { checkAccess, isSubscriptionActive, type AccessAnswer } from './access/check-access.ts';
export { createAuthenticate, type Authenticate, type User } from './http/authenticate.ts';
export { ConfigError, loadConfig, type Config } from './config/config.ts';
export { AppError, ERROR_STATUS, type ErrorCode } from './http/errors.ts';
export { createGate, type Gate, type GateOptions } from './access/gate.ts';
export { startBilling, type BillingOptions } from './host.ts';
export { createHandler, ROUTES } from './routes.ts';
export { runServer, type Run } from './run.ts';
export { startServer, type RunningServer } from './server.ts';
export { createServices, type ServiceOptions, type Services } from './services.ts';
export { trackUsage } from './usage/track.ts';
export type { UsageReceipt } from './usage/usage.ts';
