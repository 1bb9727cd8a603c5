import { pino, type DestinationStream, type Logger } from 'pino';
import type { LogLevel } from './config.ts';

export type { Logger } from 'pino';

/** Paths that may hold a secret or a card, whoever logs the object. */
const SECRET_PATHS = [
  'authorization',
  'cookie',
  'secretKey',
  'webhookSecrets',
  'jwtSecret',
  'adminToken',
  'smtpUrl',
  'databaseUrl',
  'secret',
  'token',
  'headers.authorization',
  'headers.cookie',
  'headers["stripe-signature"]',
];

export interface LogOptions {
  level: LogLevel;
  /** Coloured lines for people instead of JSON. */
  pretty?: boolean;
  destination?: DestinationStream;
}

/** One JSON line per event, with secrets blotted out at the root and one level below. */
export function createLogger(options: LogOptions): Logger {
  const settings = {
    level: options.level,
    base: undefined,
    redact: {
      paths: [...SECRET_PATHS, ...SECRET_PATHS.slice(0, 10).map((path) => `*.${path}`)],
      censor: '[secret]',
    },
  };
  if (options.destination) return pino(settings, options.destination);
  if (options.pretty) {
    return pino({
      ...settings,
      transport: { target: 'pino-pretty', options: { translateTime: 'HH:MM:ss', colorize: true } },
    });
  }
  return pino(settings);
}
