import { cancelRoute } from '../../billing/cancel/route.ts';
import { changeRoute, quantityRoute } from '../../billing/change-plan/route.ts';
import { pauseRoute } from '../../billing/pause/route.ts';
import { previewRoute } from '../../billing/preview/route.ts';
import { portalRoute } from '../../billing/portal/route.ts';
import { discountRoute } from '../../billing/promotions/route.ts';
import { reactivateRoute } from '../../billing/reactivate/route.ts';
import { resumeRoute } from '../../billing/resume/route.ts';
import { onBehalf } from './act.ts';

/** The customer's own commands. */
export const SUBSCRIPTION_ACTS = {
  cancel: onBehalf(cancelRoute, {
    name: 'cancel',
    path: 'subscription/cancel',
    summary: 'Cancel the subscription of an account, now or at the end of the period',
  }),
  resume: onBehalf(resumeRoute, {
    name: 'resume',
    path: 'subscription/resume',
    summary: 'Undo a scheduled cancel or downgrade of an account, or end its pause',
  }),
  pause: onBehalf(pauseRoute, {
    name: 'pause',
    path: 'subscription/pause',
    summary: 'Pause the subscription of an account',
  }),
  preview: onBehalf(previewRoute, {
    name: 'preview',
    path: 'subscription/preview',
    summary: 'What a change of plan or seats would cost an account',
    noted: false,
  }),
  change: onBehalf(changeRoute, {
    name: 'change',
    path: 'subscription/change',
    summary: 'Change the plan of an account, at the price of a preview',
  }),
  quantity: onBehalf(quantityRoute, {
    name: 'quantity',
    path: 'subscription/quantity',
    summary: 'Change the number of seats of an account, at the price of a preview',
  }),
  reactivate: onBehalf(reactivateRoute, {
    name: 'reactivate',
    path: 'subscription/reactivate',
    summary: 'Start a subscription again for an account whose last one has ended',
  }),
  discount: onBehalf(discountRoute, {
    name: 'discount',
    path: 'subscription/discount',
    summary: 'Apply a promotion code to the subscription of an account, or take its discount off',
  }),
  portal: onBehalf(portalRoute, {
    name: 'portal',
    path: 'portal',
    summary: "A link to Stripe's billing portal, to send to the customer",
  }),
};
