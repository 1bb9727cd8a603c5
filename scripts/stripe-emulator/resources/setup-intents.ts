import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import { ApiError } from '../kernel/errors.ts';
import { idOf } from '../kernel/ids.ts';
import { listStored } from '../kernel/lists.ts';
import { mergeMetadata } from '../kernel/metadata.ts';
import { p, PAGE, paramsOf, type Values } from '../kernel/params.ts';
import type { Registry } from '../kernel/registry.ts';
import { confirmSetup, setupRefused } from '../payments/confirm-setup.ts';
import { createMethod, METHOD_DATA, type MethodData } from '../payments/create-method.ts';
import { applyOptions, newSetupIntent } from '../payments/intent-objects.ts';
import { methodFor, requireUsable } from '../payments/methods.ts';
import { customerIn, ignored, metadataOf, requireNoTypes } from '../payments/params.ts';
import { choiceFor } from './payment-intents.ts';
import { ALLOWED_METHOD_TYPES, METHOD_TYPES } from '../kernel/method-types.ts';
import { requireUsableTypes } from '../payments/usable-types.ts';

const CONFIRM = paramsOf<Stripe.SetupIntentConfirmParams>()({
  payment_method_options: p.any,
  ...ignored('mandate_data', 'use_stripe_sdk', 'client_secret'),
  confirmation_token: p.unserved,
  allowed_payment_method_types: p.arr(p.oneOf(ALLOWED_METHOD_TYPES)),
  payment_method: p.str,
  payment_method_data: p.obj(METHOD_DATA),
  return_url: p.str,
});

const CREATE = paramsOf<Stripe.SetupIntentCreateParams>()({
  payment_method_options: p.any,
  ...ignored('mandate_data', 'payment_method_configuration', 'use_stripe_sdk'),
  attach_to_self: p.unserved,
  confirmation_token: p.unserved,
  customer_account: p.unserved,
  flow_directions: p.unserved,
  on_behalf_of: p.unserved,
  single_use: p.unserved,
  allowed_payment_method_types: p.arr(p.oneOf(ALLOWED_METHOD_TYPES)),
  automatic_payment_methods: p.obj({
    allow_redirects: p.oneOf(['always', 'never']),
    enabled: p.required(p.bool),
  }),
  confirm: p.bool,
  customer: p.str,
  description: p.upTo(1_000),
  excluded_payment_method_types: p.arr(p.oneOf(METHOD_TYPES)),
  metadata: p.metadata,
  payment_method: p.str,
  payment_method_data: p.obj(METHOD_DATA),
  payment_method_types: p.arr(p.str),
  return_url: p.str,
  usage: p.oneOf(['off_session', 'on_session']),
});

const UPDATE = paramsOf<Stripe.SetupIntentUpdateParams>()({
  payment_method_options: p.any,
  ...ignored('payment_method_configuration'),
  attach_to_self: p.unserved,
  customer_account: p.unserved,
  flow_directions: p.unserved,
  allowed_payment_method_types: p.clearable(p.arr(p.oneOf(ALLOWED_METHOD_TYPES))),
  customer: p.str,
  description: p.clearable(p.upTo(1_000)),
  excluded_payment_method_types: p.clearable(p.arr(p.oneOf(METHOD_TYPES))),
  metadata: p.metadata,
  payment_method: p.clearable(p.str),
  payment_method_data: p.obj(METHOD_DATA),
  payment_method_types: p.arr(p.str),
});

const LIST = paramsOf<Stripe.SetupIntentListParams>()({
  ...PAGE,
  attach_to_self: p.unserved,
  created: p.timeRange,
  customer: p.str,
  customer_account: p.unserved,
  payment_method: p.str,
});

const CANCELABLE = ['requires_payment_method', 'requires_confirmation', 'requires_action'];

const unexpectedState = (intent: Stripe.SetupIntent, message: string): ApiError =>
  new ApiError(400, {
    type: 'invalid_request_error',
    code: 'setup_intent_unexpected_state',
    message,
    setup_intent: structuredClone(intent),
  });

function chosenMethod(
  ctx: Context,
  given: { payment_method?: string | null; payment_method_data?: MethodData },
): Stripe.PaymentMethod | null {
  if (given.payment_method) return methodFor(ctx, given.payment_method);
  return given.payment_method_data === undefined
    ? null
    : createMethod(ctx, given.payment_method_data);
}

function choose(intent: Stripe.SetupIntent, method: Stripe.PaymentMethod | null): void {
  if (method === null) return;
  if (!intent.payment_method_types.includes(method.type))
    intent.payment_method_types = [...intent.payment_method_types, method.type];
  intent.payment_method = method.id;
  intent.status = 'requires_confirmation';
}

function create(ctx: Context, params: Values<typeof CREATE>): Stripe.SetupIntent {
  requireNoTypes(ctx, params.payment_method_types);
  requireUsableTypes(ctx, params.payment_method_types, null);
  const customer = customerIn(ctx, params.customer);
  const method = chosenMethod(ctx, params);
  if (method !== null) requireUsable(ctx, method, customer);
  const intent = newSetupIntent({
    id: ctx.store.newId('setup_intent'),
    created: ctx.nowFor(customer),
    customer,
    description: params.description ?? null,
    choice: choiceFor(ctx, params),
    metadata: metadataOf(params.metadata),
    usage: params.usage ?? 'off_session',
  });
  intent.allowed_payment_method_types = params.allowed_payment_method_types ?? null;
  applyOptions(intent, params.payment_method_options);
  choose(intent, method);
  ctx.add('setup_intent', intent);
  ctx.emit('setup_intent.created', intent);
  return params.confirm === true ? confirm(ctx, intent, { return_url: params.return_url }) : intent;
}

function confirm(
  ctx: Context,
  intent: Stripe.SetupIntent,
  params: Values<typeof CONFIRM>,
): Stripe.SetupIntent {
  if (!CANCELABLE.includes(intent.status)) {
    throw unexpectedState(
      intent,
      `You cannot confirm this SetupIntent because it has a status of ${intent.status}.`,
    );
  }
  const method =
    chosenMethod(ctx, params) ?? ctx.store.find('payment_method', idOf(intent.payment_method));
  if (method === undefined) {
    throw unexpectedState(
      intent,
      "You cannot confirm this SetupIntent because it's missing a payment method. Update the SetupIntent with a payment method and then confirm it again.",
    );
  }
  requireUsable(ctx, method, idOf(intent.customer));
  const result = confirmSetup(ctx, intent, {
    method,
    authenticated: false,
    returnUrl: params.return_url ?? null,
  });
  if (result.kind === 'declined') throw setupRefused(intent);
  return intent;
}

/** `/v1/setup_intents`, and what remains of an attempt: setup attempts and mandates. */
export function registerSetupIntents(registry: Registry): void {
  registry.post('/v1/setup_intents', CREATE, create);
  registry.get('/v1/setup_intents', LIST, (ctx, params) =>
    listStored(ctx, 'setup_intent', {
      url: '/v1/setup_intents',
      page: params,
      ...(params.customer === undefined ? {} : { by: ['customer', params.customer] }),
      where: (intent) =>
        params.payment_method === undefined ||
        idOf(intent.payment_method) === params.payment_method,
    }),
  );
  registry.get('/v1/setup_intents/:id', { client_secret: p.str }, (ctx, _params, { id }) =>
    ctx.store.need('setup_intent', id),
  );
  registry.post('/v1/setup_intents/:id', UPDATE, (ctx, params, { id }) => {
    requireNoTypes(ctx, params.payment_method_types);
    const intent = ctx.store.need('setup_intent', id);
    const customer = customerIn(ctx, params.customer);
    const method = chosenMethod(ctx, params);
    const apply = () => {
      intent.customer = customer ?? intent.customer;
      intent.metadata = mergeMetadata(intent.metadata ?? {}, params.metadata);
      if (params.description !== undefined) intent.description = params.description;
      choose(intent, method);
    };
    return ctx.update('setup_intent', intent, { event: null, apply });
  });
  registry.post('/v1/setup_intents/:id/confirm', CONFIRM, (ctx, params, { id }) =>
    confirm(ctx, ctx.store.need('setup_intent', id), params),
  );
  const cancel = paramsOf<Stripe.SetupIntentCancelParams>()({
    cancellation_reason: p.oneOf(['abandoned', 'duplicate', 'requested_by_customer']),
  });
  registry.post('/v1/setup_intents/:id/cancel', cancel, (ctx, params, { id }) => {
    const intent = ctx.store.need('setup_intent', id);
    if (!CANCELABLE.includes(intent.status)) {
      throw unexpectedState(
        intent,
        `You cannot cancel this SetupIntent because it has a status of ${intent.status}. Only a SetupIntent with one of the following statuses may be canceled: ${CANCELABLE.join(', ')}.`,
      );
    }
    const apply = () => {
      intent.status = 'canceled';
      intent.cancellation_reason = params.cancellation_reason ?? null;
      intent.next_action = null;
    };
    ctx.update('setup_intent', intent, { event: null, apply });
    ctx.emit('setup_intent.canceled', intent);
    return intent;
  });
  registry.get(
    '/v1/setup_attempts',
    { ...PAGE, created: p.timeRange, setup_intent: p.required(p.str) },
    (ctx, params) =>
      listStored(ctx, 'setup_attempt', {
        url: '/v1/setup_attempts',
        page: params,
        where: (attempt) => idOf(attempt.setup_intent) === params.setup_intent,
      }),
  );
  registry.get('/v1/mandates/:id', {}, (ctx, _params, { id }) => ctx.store.need('mandate', id));
}
