import { Stripe } from 'stripe';
import { call } from './errors.ts';

export interface EventRange {
  /** Seconds since the epoch, inclusive. */
  createdFrom: number;
  startingAfter: string | null;
}

/** Webhooks and events. */
export function eventCalls(stripe: Stripe) {
  return {
    retrieveEvent: (id: string): Promise<Stripe.Event> => call(() => stripe.events.retrieve(id)),

    /** A page (100) of the account's events, newest first. */
    listEvents: (range: EventRange): Promise<Stripe.ApiList<Stripe.Event>> =>
      call(() =>
        stripe.events.list({
          created: { gte: range.createdFrom },
          limit: 100,
          starting_after: range.startingAfter ?? undefined,
        }),
      ),

    listWebhookEndpoints: (): Promise<Stripe.WebhookEndpoint[]> =>
      call(() => stripe.webhookEndpoints.list({ limit: 100 }).autoPagingToArray({ limit: 500 })),

    /** The answer holds the signing secret, which Stripe shows this once. */
    createWebhookEndpoint: (
      url: string,
      events: Stripe.WebhookEndpointCreateParams.EnabledEvent[],
    ): Promise<Stripe.WebhookEndpoint> =>
      call(() =>
        stripe.webhookEndpoints.create({
          url,
          enabled_events: events,
          api_version: Stripe.API_VERSION,
        }),
      ),

    deleteWebhookEndpoint: (id: string): Promise<Stripe.DeletedWebhookEndpoint> =>
      call(() => stripe.webhookEndpoints.del(id)),
  };
}

export type EventCalls = ReturnType<typeof eventCalls>;
