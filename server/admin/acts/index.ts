import type { Route } from '../../http/define-route.ts';
import { credit } from './credit.ts';
import { INVOICE_ACTS } from './invoices.ts';
import { resend } from './mail.ts';
import { note, notes } from './note.ts';
import { refund, refundPreview } from './refund.ts';
import { SUBSCRIPTION_ACTS } from './subscription.ts';
import { trial, trialPreview } from './trial.ts';

/** What operators do for an account. */
export const ACT_ROUTES: readonly Route[] = [
  ...Object.values(SUBSCRIPTION_ACTS),
  ...Object.values(INVOICE_ACTS),
  trial,
  trialPreview,
  refund,
  refundPreview,
  resend,
  credit,
  note,
  notes,
];
