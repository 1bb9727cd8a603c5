import { billing } from './billing/index.ts';
import type { Services } from './contracts.ts';
import { discountService } from './discounts/service.ts';
import { neutral } from './neutral-services.ts';
import { paymentsService } from './payments/service.ts';
import { scheduleService } from './schedules/engine.ts';
import { usageService } from './usage/aggregate.ts';

/** Which part provides which service. */
export const services: Services = {
  ...neutral,
  discounts: discountService,
  schedules: scheduleService,
  usage: usageService,
  payments: paymentsService,
  billing,
};
