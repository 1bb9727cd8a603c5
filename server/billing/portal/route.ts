import { z } from 'zod';
import { isGatewayError } from '../../../adapters/stripe-gateway.ts';
import { currentSubscriptionOfUser } from '../../../db/subscriptions.ts';
import { followDetails } from '../customer.ts';
import { requireStripeCustomer } from '../account.ts';
import type { CommandContext } from '../command.ts';
import { AppError } from '../../http/errors.ts';
import { returnUrlsOf } from '../../http/page-origin.ts';
import { defineRoute, json } from '../../http/define-route.ts';

const FLOWS = ['payment_method_update', 'subscription_cancel', 'subscription_update'] as const;
type Flow = (typeof FLOWS)[number];

/** Opens Stripe's billing portal, at its front page or at one task. */
export const portalRoute = defineRoute({
  method: 'POST',
  path: '/api/billing/portal',
  auth: 'user',
  summary: "Open Stripe's billing portal",
  body: z.strictObject({ flow: z.enum(FLOWS).optional() }),
  response: z.object({ url: z.url() }),
  errors: ['no_billing_account', 'not_allowed', 'portal_not_configured'],
  handler: async (request, context) => {
    const { services, account, body } = context;
    const customerId = await requireStripeCustomer(services, account.id);
    await followDetails(services, context);
    try {
      const session = await services.stripe.createPortalSession({
        customerId,
        returnUrl: returnUrlsOf(request)?.cancelUrl ?? `${services.config.http.appUrl}/billing`,
        configuration: services.config.stripe.portalConfiguration,
        flow: body.flow ? await flowData(context, body.flow) : null,
      });
      return json({ url: session.url });
    } catch (error) {
      if (isRefusedFlow(error)) throw await flowRefused(context, error);
      throw isMissingConfiguration(error) ? notConfigured(error) : error;
    }
  },
});

async function flowData({ services, account }: CommandContext, flow: Flow) {
  if (flow === 'payment_method_update') return { type: flow };
  const current = await currentSubscriptionOfUser(
    services.database.knex,
    account.id,
    services.catalogue,
  );
  if (!current || current.state === 'canceled') {
    throw new AppError('not_allowed', 'There is no subscription for this.', {
      fields: { state: current?.state ?? 'none' },
    });
  }
  return { type: flow, [flow]: { subscription: current.id } };
}

/** The task is switched off in the portal, or does not fit the subscription, e.g. one that is set to cancel. */
function isRefusedFlow(error: unknown): boolean {
  return isGatewayError(error, 'invalid') && (error.param?.startsWith('flow_data') ?? false);
}

async function flowRefused(
  { services, account }: CommandContext,
  cause: unknown,
): Promise<AppError> {
  const current = await currentSubscriptionOfUser(
    services.database.knex,
    account.id,
    services.catalogue,
  );
  const words = 'The billing portal does not offer this for the subscription as it is.';
  return new AppError('not_allowed', words, { fields: { state: current?.state ?? 'none' }, cause });
}

// Stripe gives no code for it, only these words.
function isMissingConfiguration(error: unknown): boolean {
  return isGatewayError(error, 'invalid') && /configuration/i.test(error.message);
}

function notConfigured(cause: unknown): AppError {
  return new AppError(
    'portal_not_configured',
    'The billing portal has no configuration. Run npm run setup:stripe, or save one in the Stripe Dashboard under Settings → Billing → Customer portal.',
    { cause },
  );
}
