import type Stripe from 'stripe';
import { invalidRequest } from '../kernel/errors.ts';
import { listStored } from '../kernel/lists.ts';
import { mergeMetadata } from '../kernel/metadata.ts';
import { p, PAGE, paramsOf } from '../kernel/params.ts';
import type { Registry } from '../kernel/registry.ts';
import { closeDispute, judge } from '../payments/disputes.ts';

const text = p.clearable(p.str);
const evidence = p.obj({
  appeal: p.unserved,
  enhanced_evidence: p.unserved,
  access_activity_log: text,
  billing_address: text,
  cancellation_policy: text,
  cancellation_policy_disclosure: text,
  cancellation_rebuttal: text,
  customer_communication: text,
  customer_email_address: text,
  customer_name: text,
  customer_purchase_ip: text,
  customer_signature: text,
  duplicate_charge_documentation: text,
  duplicate_charge_explanation: text,
  duplicate_charge_id: text,
  product_description: text,
  receipt: text,
  refund_policy: text,
  refund_policy_disclosure: text,
  refund_refusal_explanation: text,
  service_date: text,
  service_documentation: text,
  shipping_address: text,
  shipping_carrier: text,
  shipping_date: text,
  shipping_documentation: text,
  shipping_tracking_number: text,
  uncategorized_file: text,
  uncategorized_text: text,
});

const UPDATE = paramsOf<Stripe.DisputeUpdateParams>()({
  evidence,
  intended_submission_method: p.oneOf([
    'manual',
    'prefer_manual',
    'prefer_smart_disputes',
    'smart_disputes',
  ]),
  metadata: p.metadata,
  submit: p.bool,
});

const LIST = paramsOf<Stripe.DisputeListParams>()({
  ...PAGE,
  charge: p.str,
  created: p.timeRange,
  payment_intent: p.str,
});

const OVER = ['won', 'lost', 'warning_closed'];

/** `/v1/disputes`. Evidence whose `uncategorized_text` is `winning_evidence` or `losing_evidence` decides at once. */
export function registerDisputes(registry: Registry): void {
  registry.get('/v1/disputes', LIST, (ctx, params) => {
    const by = params.charge ?? params.payment_intent;
    const index = params.charge === undefined ? 'payment_intent' : 'charge';
    return listStored(ctx, 'dispute', {
      url: '/v1/disputes',
      page: params,
      ...(by === undefined ? {} : { by: [index, by] }),
    });
  });
  registry.get('/v1/disputes/:id', {}, (ctx, _params, { id }) => ctx.store.need('dispute', id));
  registry.post('/v1/disputes/:id', UPDATE, (ctx, params, { id }) => {
    const dispute = ctx.store.need('dispute', id);
    const { appeal: _appeal, enhanced_evidence: _enhanced, ...given } = params.evidence ?? {};
    const submitted = params.evidence !== undefined && params.submit !== false;
    const apply = () => {
      Object.assign(dispute.evidence, given);
      dispute.metadata = mergeMetadata(dispute.metadata, params.metadata);
      dispute.intended_submission_method =
        params.intended_submission_method ?? dispute.intended_submission_method;
      if (params.evidence === undefined) return;
      dispute.evidence_details.has_evidence = true;
      if (!submitted) return;
      dispute.evidence_details.submission_count += 1;
      dispute.evidence_details.submission_method = 'manual';
      dispute.status = dispute.status.startsWith('warning')
        ? 'warning_under_review'
        : 'under_review';
    };
    ctx.update('dispute', dispute, { event: 'charge.dispute.updated', apply });
    if (submitted) judge(ctx, dispute);
    return dispute;
  });
  registry.post('/v1/disputes/:id/close', {}, (ctx, _params, { id }) => {
    const dispute = ctx.store.need('dispute', id);
    if (OVER.includes(dispute.status)) throw invalidRequest('This dispute is already closed');
    closeDispute(ctx, dispute, 'lost');
    return dispute;
  });
}
