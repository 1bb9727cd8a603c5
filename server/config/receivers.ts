import { z } from 'zod';
import { WEBHOOK_TYPES, type WebhookType } from '../../state/effect-kinds.ts';

/** Who is told of outgoing events. */
export interface Receiver {
  /** Empty for the one of `OUTGOING_WEBHOOK_URL`; `@hooks` for the functions of a host app, which have no address. */
  name: string;
  url: string;
  secret: string;
  events: readonly WebhookType[];
}

export const SECRET = /^whsec_[A-Za-z0-9+/=]{16,}$/;
const NAME = /^[a-z0-9][a-z0-9.-]{0,62}$/;

/** `payment.failed`, or `payment.*` for all that begin so. */
function typesOf(pattern: string): WebhookType[] {
  if (!pattern.endsWith('*')) return WEBHOOK_TYPES.filter((type) => type === pattern);
  return WEBHOOK_TYPES.filter((type) => type.startsWith(pattern.slice(0, -1)));
}

const receiver = z
  .strictObject({
    name: z
      .string()
      .regex(NAME, 'name must be 1 to 63 lower-case letters, digits, dots or -')
      .refine(
        (name) => name !== 'default',
        'name must not be default: that is OUTGOING_WEBHOOK_URL',
      )
      .optional(),
    url: z
      .string()
      .refine((url) => /^https?:/.test(url) && URL.canParse(url), 'url must be an http(s) URL'),
    secret: z
      .string()
      .regex(
        SECRET,
        'secret must be whsec_ followed by base64 (echo whsec_$(openssl rand -base64 32))',
      ),
    events: z
      .array(
        z
          .string()
          .refine(
            (pattern) => typesOf(pattern).length > 0,
            `events must be types of docs/outgoing-webhooks.md, such as payment.failed or subscription.*`,
          ),
      )
      .min(1, 'events must name at least one type; leave it out for all')
      .default(['*']),
  })
  .transform(({ name, url, secret, events }): Receiver => {
    const wanted = new Set(events.flatMap(typesOf));
    return {
      name: name ?? new URL(url).hostname.toLowerCase(),
      url,
      secret,
      events: WEBHOOK_TYPES.filter((type) => wanted.has(type)),
    };
  });

/** Types, or beginnings of types, separated by commas. */
export const hookEvents = z
  .string()
  .transform((text) =>
    text
      .split(',')
      .map((part) => part.trim())
      .filter(Boolean),
  )
  .refine(
    (patterns) => patterns.every((pattern) => typesOf(pattern).length > 0),
    'must be types of docs/outgoing-webhooks.md separated by commas, such as subscription.changed or payment.*',
  )
  .transform((patterns) => {
    const wanted = new Set(patterns.flatMap(typesOf));
    return WEBHOOK_TYPES.filter((type) => wanted.has(type));
  });

/** Several receivers as JSON: `[{"url", "secret", "events"?, "name"?}]`. */
export const receivers = z
  .string()
  .transform((text, ctx): unknown => {
    try {
      return JSON.parse(text) as unknown;
    } catch {
      ctx.addIssue(
        'must be JSON: [{"url": "https://…", "secret": "whsec_…", "events": ["payment.*"]}]',
      );
      return z.NEVER;
    }
  })
  .pipe(
    z
      .array(receiver, 'must be a list: [{"url": "https://…", "secret": "whsec_…"}]')
      .refine(
        (all) => new Set(all.map(({ name }) => name)).size === all.length,
        'must give each receiver a name of its own: two have the same, or the same host and none',
      ),
  );

/** Under this name, which no other receiver can have, the outbox keeps what is for the hooks of a host app. */
export const HOOKS = '@hooks';

/** The receivers, with these events for the hooks too. */
export function withHooks(all: readonly Receiver[], events: readonly WebhookType[]): Receiver[] {
  const known = all.find(({ name }) => name === HOOKS)?.events ?? [];
  const wanted = WEBHOOK_TYPES.filter((type) => known.includes(type) || events.includes(type));
  const others = all.filter(({ name }) => name !== HOOKS);
  if (wanted.length === 0) return others;
  return [...others, { name: HOOKS, url: '', secret: '', events: wanted }];
}
