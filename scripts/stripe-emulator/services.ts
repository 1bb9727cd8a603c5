import { billing } from './billing/index.ts';
import type { Services } from './contracts.ts';
import { discountService } from './discounts/service.ts';
import { paymentsService } from './payments/service.ts';
import { scheduleService } from './schedules/service.ts';
import { taxService } from './taxes/service.ts';
import { balanceService } from './balance/service.ts';
import { entitlementService } from './entitlements/service.ts';
import { usageService } from './usage/aggregate.ts';

/** Which part provides which service. */
export const services: Services = {
  discounts: discountService,
  schedules: scheduleService,
  taxes: taxService,
  balance: balanceService,
  entitlements: entitlementService,
  usage: usageService,
  payments: paymentsService,
  billing,
};
