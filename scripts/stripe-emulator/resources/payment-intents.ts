import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import { listStored } from '../kernel/lists.ts';
import { mergeMetadata } from '../kernel/metadata.ts';
import { invalidRequest } from '../kernel/errors.ts';
import type { Registry } from '../kernel/registry.ts';
import { cancelIntent } from '../payments/cancel-payment.ts';
import { BOOK_CHARGE, bookLater, SETTLE_DEBIT } from '../payments/confirm-payment.ts';
import { createMethod, type MethodData } from '../payments/create-method.ts';
import { captureIntent, confirmDirectly, unexpectedState } from '../payments/direct-payment.ts';
import {
  applyOptions,
  DEFAULT_TYPES,
  newPaymentIntent,
  type MethodChoice,
} from '../payments/intent-objects.ts';
import { methodFor, requireUsable } from '../payments/methods.ts';
import { requireChargeable } from '../payments/min-amount.ts';
import { customerIn, metadataOf, requireNoTypes, shippingOf } from '../payments/params.ts';
import { settleDebit } from '../payments/settle-payment.ts';
import { requireUsableTypes } from '../payments/usable-types.ts';
import {
  CANCEL,
  CAPTURE,
  CONFIRM,
  CREATE,
  LIST,
  UPDATE,
  type ConfirmValues,
  type CreateValues,
  type UpdateValues,
} from './payment-intent-params.ts';

const CANCELABLE = [
  'requires_payment_method',
  'requires_capture',
  'requires_reauthorization',
  'requires_confirmation',
  'requires_action',
  'processing',
];

/** The kinds of methods an intent takes: named by old calls, else automatic. */
export function choiceFor(
  ctx: Context,
  given: {
    payment_method_types?: string[];
    allowed_payment_method_types?: string[];
    excluded_payment_method_types?: string[] | null;
    automatic_payment_methods?: { enabled: boolean; allow_redirects?: 'always' | 'never' };
  },
): MethodChoice {
  const { automatic_payment_methods: automatic, payment_method_types: named } = given;
  if (named !== undefined && automatic?.enabled === true) {
    throw invalidRequest(
      'You may only specify one of these parameters: automatic_payment_methods, payment_method_types.',
      { param: 'automatic_payment_methods' },
    );
  }
  if (named !== undefined) return { types: named, automatic: null };
  // Until then a card was what an intent took unless it said otherwise.
  if (automatic?.enabled !== true && apiVersionOf(ctx) < '2023-08-16')
    return { types: ['card'], automatic: null };
  const types = (given.allowed_payment_method_types ?? DEFAULT_TYPES).filter(
    (type) => given.excluded_payment_method_types?.includes(type) !== true,
  );
  return { types, automatic: { allow_redirects: automatic?.allow_redirects ?? 'always' } };
}

function chosenMethod(
  ctx: Context,
  given: { payment_method?: string | null; source?: string; payment_method_data?: MethodData },
): Stripe.PaymentMethod | null {
  const id = given.payment_method ?? given.source ?? null;
  if (id !== null) return methodFor(ctx, id);
  return given.payment_method_data === undefined
    ? null
    : createMethod(ctx, given.payment_method_data);
}

function create(ctx: Context, params: CreateValues): Stripe.PaymentIntent {
  requireNoTypes(ctx, params.payment_method_types);
  requireUsableTypes(ctx, params.payment_method_types, params.currency);
  requireChargeable(params.amount, params.currency);
  const customer = customerIn(ctx, params.customer);
  if (params.off_session !== undefined && params.off_session !== false && params.confirm !== true) {
    throw invalidRequest('You can only pass `off_session` when `confirm` is `true`.', {
      param: 'off_session',
    });
  }
  const method = chosenMethod(ctx, params);
  if (method !== null) requireUsable(ctx, method, customer);
  const intent = newPaymentIntent({
    id: ctx.store.newId('payment_intent'),
    created: ctx.nowFor(customer),
    amount: params.amount,
    currency: params.currency,
    customer,
    description: params.description ?? null,
    choice: choiceFor(ctx, params),
    captureMethod: params.capture_method ?? usualCapture(ctx),
    confirmationMethod: params.confirmation_method ?? 'automatic',
    metadata: metadataOf(params.metadata),
    receiptEmail: params.receipt_email ?? null,
    setupFutureUsage: params.setup_future_usage ?? null,
    orderReference: null,
  });
  intent.shipping = params.shipping === undefined ? null : shippingOf(params.shipping);
  intent.statement_descriptor = params.statement_descriptor ?? null;
  intent.statement_descriptor_suffix = params.statement_descriptor_suffix ?? null;
  intent.transfer_group = params.transfer_group ?? null;
  intent.application_fee_amount = params.application_fee_amount ?? null;
  intent.allowed_payment_method_types = params.allowed_payment_method_types ?? null;
  intent.excluded_payment_method_types = params.excluded_payment_method_types ?? null;
  applyOptions(intent, params.payment_method_options);
  choose(intent, method);
  ctx.add('payment_intent', intent);
  ctx.emit('payment_intent.created', intent);
  return params.confirm === true
    ? confirm(ctx, intent, {
        ...params,
        payment_method: undefined,
        payment_method_data: undefined,
        source: undefined,
      })
    : intent;
}

function choose(intent: Stripe.PaymentIntent, method: Stripe.PaymentMethod | null): void {
  if (method === null) return;
  if (!intent.payment_method_types.includes(method.type))
    intent.payment_method_types = [...intent.payment_method_types, method.type];
  intent.payment_method = method.id;
  intent.status = 'requires_confirmation';
}

function confirm(
  ctx: Context,
  intent: Stripe.PaymentIntent,
  params: ConfirmValues,
): Stripe.PaymentIntent {
  const apply = () => {
    if (params.setup_future_usage !== undefined)
      intent.setup_future_usage = params.setup_future_usage;
    applyOptions(intent, params.payment_method_options);
    if (params.receipt_email !== undefined) intent.receipt_email = params.receipt_email;
    if (params.shipping) intent.shipping = shippingOf(params.shipping);
    intent.capture_method = params.capture_method ?? intent.capture_method;
  };
  ctx.update('payment_intent', intent, { event: null, apply });
  return confirmDirectly(ctx, intent, {
    method: chosenMethod(ctx, params),
    offSession: params.off_session !== undefined && params.off_session !== false,
    errorOnAction: params.error_on_requires_action ?? false,
    returnUrl: params.return_url ?? null,
  });
}

function update(
  ctx: Context,
  intent: Stripe.PaymentIntent,
  params: UpdateValues,
): Stripe.PaymentIntent {
  requireNoTypes(ctx, params.payment_method_types);
  requireUsableTypes(ctx, params.payment_method_types, params.currency ?? intent.currency);
  const money =
    params.amount !== undefined ||
    params.currency !== undefined ||
    params.payment_method !== undefined;
  if (
    money &&
    ['succeeded', 'canceled', 'processing', 'requires_capture'].includes(intent.status)
  ) {
    throw unexpectedState(
      intent,
      `This PaymentIntent's amount could not be updated because it has a status of ${intent.status}. You may only update the amount of a PaymentIntent with one of the following statuses: requires_payment_method, requires_confirmation, requires_action.`,
    );
  }
  if (money) requireChargeable(params.amount ?? intent.amount, params.currency ?? intent.currency);
  const customer = customerIn(ctx, params.customer);
  const method = chosenMethod(ctx, params);
  const apply = () => {
    intent.amount = params.amount ?? intent.amount;
    intent.currency = params.currency ?? intent.currency;
    intent.customer = customer ?? intent.customer;
    intent.metadata = mergeMetadata(intent.metadata, params.metadata);
    intent.capture_method = params.capture_method ?? intent.capture_method;
    intent.transfer_group = params.transfer_group ?? intent.transfer_group;
    if (params.description !== undefined) intent.description = params.description;
    if (params.receipt_email !== undefined) intent.receipt_email = params.receipt_email;
    if (params.setup_future_usage !== undefined)
      intent.setup_future_usage = params.setup_future_usage;
    if (params.statement_descriptor !== undefined)
      intent.statement_descriptor = params.statement_descriptor;
    if (params.statement_descriptor_suffix !== undefined)
      intent.statement_descriptor_suffix = params.statement_descriptor_suffix;
    if (params.shipping !== undefined)
      intent.shipping = params.shipping === null ? null : shippingOf(params.shipping);
    if (method === null) return;
    intent.last_payment_error = null;
    intent.next_action = null;
    choose(intent, method);
  };
  return ctx.update('payment_intent', intent, { event: null, apply });
}

const apiVersionOf = (ctx: Context): string => ctx.request?.apiVersion ?? ctx.settings.apiVersion;

/** Since 2024-04-10 money is captured after the answer. */
const usualCapture = (ctx: Context): 'automatic' | 'automatic_async' =>
  apiVersionOf(ctx) >= '2024-04-10' ? 'automatic_async' : 'automatic';

/** `/v1/payment_intents`. */
export function registerPaymentIntents(registry: Registry): void {
  registry.job(SETTLE_DEBIT, settleDebit);
  registry.job(BOOK_CHARGE, bookLater);
  registry.post('/v1/payment_intents', CREATE, create);
  registry.get('/v1/payment_intents', LIST, (ctx, params) =>
    listStored(ctx, 'payment_intent', {
      url: '/v1/payment_intents',
      page: params,
      ...(params.customer === undefined ? {} : { by: ['customer', params.customer] }),
    }),
  );
  registry.get(
    '/v1/payment_intents/:id',
    { client_secret: CREATE.description },
    (ctx, _params, { id }) => ctx.store.need('payment_intent', id),
  );
  registry.post('/v1/payment_intents/:id', UPDATE, (ctx, params, { id }) =>
    update(ctx, ctx.store.need('payment_intent', id), params),
  );
  registry.post('/v1/payment_intents/:id/confirm', CONFIRM, (ctx, params, { id }) => {
    requireNoTypes(ctx, params.payment_method_types);
    return confirm(ctx, ctx.store.need('payment_intent', id), params);
  });
  registry.post('/v1/payment_intents/:id/capture', CAPTURE, (ctx, params, { id }) => {
    const intent = ctx.store.need('payment_intent', id);
    const captured = captureIntent(ctx, intent, params.amount_to_capture);
    return ctx.update('payment_intent', captured, {
      event: null,
      apply: () => (captured.metadata = mergeMetadata(captured.metadata, params.metadata)),
    });
  });
  registry.post('/v1/payment_intents/:id/cancel', CANCEL, (ctx, params, { id }) => {
    const intent = ctx.store.need('payment_intent', id);
    if (!CANCELABLE.includes(intent.status)) {
      throw unexpectedState(
        intent,
        `You cannot cancel this PaymentIntent because it has a status of ${intent.status}. Only a PaymentIntent with one of the following statuses may be canceled: ${CANCELABLE.join(', ')}.`,
      );
    }
    cancelIntent(ctx, intent, params.cancellation_reason ?? null);
    ctx.services.billing.onPayment(ctx, intent, 'canceled');
    return intent;
  });
}
