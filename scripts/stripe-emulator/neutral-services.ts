import type {
  BalanceService,
  EntitlementService,
  ScheduleService,
  TaxService,
  UsageService,
} from './contracts.ts';

/** Services that no part provides yet: an account without meters, schedules or taxes. */
export const neutral: {
  usage: UsageService;
  schedules: ScheduleService;
  taxes: TaxService;
  balance: BalanceService;
  entitlements: EntitlementService;
} = {
  usage: { quantity: () => 0 },
  schedules: { onSubscriptionEnded: () => undefined, beforeRenewal: () => undefined },
  taxes: { onAmount: () => [], addTaxId: () => undefined },
  balance: { adjust: () => undefined, applyCreditGrants: () => 0 },
  entitlements: { refresh: () => undefined },
};
