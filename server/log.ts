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

/** What a secret looks like wherever it turns up: in the words of an error, in an address, in a payload. */
const SECRET_TEXTS =
  /\b(?:[rsp]k_(?:live|test)_\w{4,}|whsec_[\w+/=-]{6,}|eyJ[\w-]{8,}\.[\w-]+\.[\w-]+)|(?<=:\/\/[^\s:/@"]*:)[^\s@/"]+(?=@)|(?<=\bBearer )[\w~+/.=-]{6,}/g;

/** Whether a line may hold one: twenty times quicker to ask, and most do not. */
const MAYBE_SECRET = /[rsp]k_|whsec_|eyJ|:\/\/|Bearer /;

function withoutSecrets(line: string): string {
  return MAYBE_SECRET.test(line) ? line.replaceAll(SECRET_TEXTS, '[secret]') : line;
}

export interface LogOptions {
  level: LogLevel;
  /** Coloured lines for people instead of JSON. */
  pretty?: boolean;
  destination?: DestinationStream;
}

/** One JSON line per event, with secrets blotted out: by name at the root and one level below, by form anywhere. */
export function createLogger(options: LogOptions): Logger {
  const settings = {
    level: options.level,
    base: undefined,
    redact: {
      paths: [...SECRET_PATHS, ...SECRET_PATHS.slice(0, 10).map((path) => `*.${path}`)],
      censor: '[secret]',
    },
    hooks: { streamWrite: withoutSecrets },
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
