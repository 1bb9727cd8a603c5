import { z } from 'zod';
import { activeGrants } from '../../state/grants.ts';
import { defineRoute, json } from '../http/define-route.ts';
import { grantSchema, viewOfGrant } from './grant-view.ts';

/** What the caller's account has beside its subscription. */
export const grantsRoute = defineRoute({
  method: 'GET',
  path: '/api/billing/grants',
  auth: 'user',
  summary: 'What the account was granted: features, limits or a plan',
  response: z.object({ grants: z.array(grantSchema) }),
  handler: async (_request, { services, account }) => {
    const all = await services.access.grantsOf(account.id);
    return json({ grants: activeGrants(all, services.clock.now()).map(viewOfGrant) });
  },
});
