import { accessOf, isActive } from '../state/access.ts';
import { hasFeature } from '../state/catalogue.ts';
import type { AccessLevel } from '../state/types.ts';
import type { Services } from './services.ts';

type Parts = Pick<Services, 'access' | 'catalogue' | 'clock' | 'config'>;

/** Whether somebody may, and why. `reason` is a word for programs. */
export interface AccessAnswer {
  allowed: boolean;
  level: AccessLevel;
  reason: string;
}

/** Whether a user's subscription gives access now. Asks the database only, never Stripe. */
export async function isSubscriptionActive(services: Parts, userId: string): Promise<boolean> {
  return (await checkAccess(services, userId)).allowed;
}

/** Access in full or by grace; with a feature, whether the plan has it as well. */
export async function checkAccess(
  services: Parts,
  userId: string,
  feature?: string,
): Promise<AccessAnswer> {
  const stored = await services.access.subscriptionOf(userId);
  const { level, reason } = accessOf(stored, {
    now: services.clock.now(),
    grace: services.config.grace,
  });
  if (!isActive({ level, until: null, reason })) return { allowed: false, level, reason };
  if (feature !== undefined && !hasFeature(services.catalogue, stored?.plan ?? null, feature)) {
    return { allowed: false, level, reason: 'feature_not_in_plan' };
  }
  return { allowed: true, level, reason };
}
