import { currentSubscriptionOfUser } from '../../../db/subscriptions.ts';
import { subscriptionAnswer, subscriptionView } from '../subscription-view.ts';
import { defineRoute, json } from '../../http/define-route.ts';

/** The user's live subscription, else the last one they had, else null. */
export const subscriptionRoute = defineRoute({
  method: 'GET',
  path: '/api/billing/subscription',
  auth: 'user',
  members: true,
  summary: "The caller's subscription",
  response: subscriptionAnswer,
  handler: async (_request, { services, account }) => {
    const stored = await currentSubscriptionOfUser(
      services.database.knex,
      account.id,
      services.catalogue,
    );
    return json({ subscription: stored && subscriptionView(services, stored) });
  },
});
