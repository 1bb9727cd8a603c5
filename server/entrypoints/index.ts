/** `tenure`: the parts that every host app may need, whatever its framework. */
export { migrate } from '../../db/migrate.ts';
export { checkAccess, isSubscriptionActive, type AccessAnswer } from '../access/check-access.ts';
export { createAuthenticate } from '../http/authenticate.ts';
export type { Authenticate, User, UserAccount } from '../lib/services.ts';
export { ConfigError, loadConfig, type Config } from '../config/config.ts';
export { AppError, ERROR_STATUS, type ErrorCode } from '../http/errors.ts';
export { createGate, type Gate, type GateOptions } from '../access/gate.ts';
export { startBilling, type BillingOptions } from '../app/start-billing.ts';
export { commandsFor, type CommandOptions, type Commands } from '../app/commands.ts';
export type { HookEvent, Hooks } from '../lib/hooks.ts';
export { createHandler, ROUTES } from '../app/route-list.ts';
export { runServer, type Run } from '../app/run-server.ts';
export { startServer, type RunningServer } from '../app/http-server.ts';
export { createServices, type ServiceOptions } from '../app/compose.ts';
export type { Services } from '../lib/services.ts';
export { trackUsage } from '../usage/track.ts';
export type { UsageReceipt } from '../lib/usage-types.ts';
