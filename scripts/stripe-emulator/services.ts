import { billing } from './billing/index.ts';
import type { Services } from './contracts.ts';
import { discountService } from './discounts/service.ts';
import { neutral } from './neutral-services.ts';
import { paymentsService } from './payments/service.ts';

/** Which part provides which service. */
export const services: Services = {
  ...neutral,
  discounts: discountService,
  payments: paymentsService,
  billing,
};
