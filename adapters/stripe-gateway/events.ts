import { Stripe } from 'stripe';
import { answerTime, call } from './errors.ts';

export interface EventRange {
  /** Seconds since the epoch, inclusive. */
  createdFrom: number;
  /** Inclusive too; without it, up to the newest. */
  createdUntil?: number | undefined;
  startingAfter: string | null;
}

/** A page of events, and when Stripe answered by its own clock: seconds since the epoch, null when it did not say. */
export interface EventPage {
  data: Stripe.Event[];
  has_more: boolean;
  answeredAt: number | null;
}

/** Webhooks and events. */
export function eventCalls(stripe: Stripe) {
  return {
    retrieveEvent: (id: string): Promise<Stripe.Event> => call(() => stripe.events.retrieve(id)),

    /** A page (100) of the account's events, newest first. */
    listEvents: async (range: EventRange): Promise<EventPage> => {
      const page = await call(() =>
        stripe.events.list({
          created: { gte: range.createdFrom, lte: range.createdUntil },
          limit: 100,
          starting_after: range.startingAfter ?? undefined,
        }),
      );
      const answeredAt = answerTime(page.lastResponse.headers);
      return { data: page.data, has_more: page.has_more, answeredAt };
    },

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
