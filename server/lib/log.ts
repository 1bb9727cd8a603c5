import { pino, stdSerializers, type DestinationStream, type Logger } from 'pino';
import type { LogLevel } from '../config/config.ts';

export type { Logger } from 'pino';

/** Names of what may be a secret or a card, whatever logs the object. */
const SECRET_NAMES = new Set([
  'authorization',
  'cookie',
  'secretKey',
  'webhookSecrets',
  'jwtSecret',
  'formerJwtSecrets',
  'adminToken',
  'formerAdminTokens',
  'metricsToken',
  'operators',
  'smtpUrl',
  'databaseUrl',
  'secret',
  'token',
  'stripe-signature',
]);

/**
 * The object with what has such a name redacted, at its root and one level below. Pino's own redaction allocates
 * as much for a line as the rest of an event's processing; this copies only what holds a secret.
 */
function redacted(object: Record<string, unknown>, below = 1): Record<string, unknown> {
  let copy: Record<string, unknown> | null = null;
  for (const name of Object.keys(object)) {
    const value = object[name];
    const shown = SECRET_NAMES.has(name)
      ? CENSOR
      : below > 0 && isObject(value)
        ? redacted(value, below - 1)
        : value;
    if (shown === value) continue;
    copy ??= { ...object };
    copy[name] = shown;
  }
  return copy ?? object;
}

const CENSOR = '[secret]';

/** Errors are redacted once they are plain objects. */
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !(value instanceof Error);

/** What a secret looks like wherever it turns up: in the words of an error, in an address, in a payload. */
const SECRET_TEXTS =
  /\b(?:[rsp]k_(?:live|test)_\w{4,}|whsec_[\w+/=-]{6,}|eyJ[\w-]{8,}\.[\w-]+\.[\w-]+)|(?<=:\/\/[^\s:/@"]*:)[^\s@/"]+(?=@)|(?<=\bBearer )[\w~+/.=-]{6,}/g;

/** Whether a line may hold one: twenty times quicker to ask, and most do not. */
const MAYBE_SECRET = /[rsp]k_|whsec_|eyJ|:\/\/|Bearer /;

function withoutSecrets(line: string): string {
  return MAYBE_SECRET.test(line) ? line.replaceAll(SECRET_TEXTS, CENSOR) : line;
}

export interface LogOptions {
  level: LogLevel;
  /** Coloured lines for people instead of JSON. */
  pretty?: boolean;
  destination?: DestinationStream;
}

/** One JSON line per event, with secrets redacted: by name at the root and one level below, by form anywhere. */
export function createLogger(options: LogOptions): Logger {
  const settings = {
    level: options.level,
    base: undefined,
    formatters: { log: (object: Record<string, unknown>) => redacted(object) },
    serializers: { err: (error: Error) => redacted({ ...stdSerializers.err(error) }) },
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
