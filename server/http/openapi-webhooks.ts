import type { z } from 'zod';

/** A message that the server sends to others. */
export interface WebhookDescription {
  summary: string;
  message: z.ZodType;
}

type Json = Record<string, unknown>;

const HEADERS = {
  'webhook-id':
    'The id of the message: the same in each attempt, so that a repetition can be dropped.',
  'webhook-timestamp': 'When this attempt was signed, in seconds since the epoch.',
  'webhook-signature':
    '`v1,` and the base64 HMAC-SHA256 of `id.timestamp.body` (standardwebhooks.com).',
};

/** The `webhooks` of an OpenAPI document. */
export function webhooksSection(
  webhooks: Readonly<Record<string, WebhookDescription>>,
  toSchema: (schema: z.ZodType) => Json,
): Json {
  const parameters = Object.entries(HEADERS).map(([name, description]) => ({
    name,
    in: 'header',
    required: true,
    description,
    schema: { type: 'string' },
  }));
  const responses = {
    '2XX': { description: 'Taken.' },
    default: { description: 'Not taken: it is sent again, later each time.' },
  };
  const section = Object.entries(webhooks).map(([type, { summary, message }]) => {
    const content = { 'application/json': { schema: toSchema(message) } };
    const requestBody = { required: true, content };
    return [type, { post: { summary, parameters, requestBody, responses } }];
  });
  return Object.fromEntries(section) as Json;
}
