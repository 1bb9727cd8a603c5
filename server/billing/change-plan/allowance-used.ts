import type { SubscriptionRow } from '../../../db/subscriptions.ts';
import { planOfPrice } from '../../../state/catalogue.ts';
import { AppError } from '../../http/errors.ts';
import type { Services } from '../../lib/services.ts';
import { isAllowanceUsed } from '../allowance.ts';
import { actionsNow } from '../command.ts';
import { itemChanges, type PlanTarget } from './plan-target.ts';

/**
 * Throws 409 for a smaller plan now that would give back what is left of a period although free units or a part of a limit
 * that came with it were used: the way back up brings them anew, as often as one likes.
 */
export async function requireAllowanceUnused(
  services: Services,
  subscription: SubscriptionRow,
  target: PlanTarget,
): Promise<void> {
  const { kind, restartPeriod } = target;
  if (kind === 'upgrade') return;
  const changes = itemChanges(services.catalogue, subscription, target);
  // Free units begin anew with their item, limits with the period.
  const isMeterNew = changes.some(({ deleted }) => deleted === true);
  if (!restartPeriod && !isMeterNew) return;
  const nextPlan = planOfPrice(services.catalogue, target.priceId)?.plan.id ?? null;
  const asked = { limits: restartPeriod, nextPlan };
  if (!(await isAllowanceUsed(services, subscription, asked))) return;
  throw new AppError(
    'not_allowed',
    'Free units or a part of a limit of the present period were used, so what is left of it cannot be credited. Only a change with the next period ("when": "period_end") is possible.',
    {
      fields: {
        state: subscription.state,
        actions: actionsNow(services, subscription),
        reason: 'allowance_used',
      },
    },
  );
}
