import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import { RawAnswer } from '../kernel/registry.ts';
import { createSession } from '../payments/checkout/create-session.ts';
import { keptLines } from '../quotes/lines.ts';
import { findCode, redeemable } from './promotion-codes.ts';

type Link = Stripe.PaymentLink;

/** The questions of a link, for its sessions. */
function ask(link: Link, session: Stripe.Checkout.Session): void {
  session.custom_fields = link.custom_fields.map(({ text, numeric, dropdown, ...field }) => ({
    ...field,
    ...(dropdown === undefined ? {} : { dropdown: { ...dropdown, value: null } }),
    ...(numeric === undefined ? {} : { numeric: { ...numeric, value: null } }),
    ...(text === undefined ? {} : { text: { ...text, value: null } }),
  }));
  session.shipping_address_collection = link.shipping_address_collection;
  session.consent_collection = link.consent_collection;
  session.tax_id_collection = link.tax_id_collection;
  Object.assign(session.custom_text, link.custom_text);
}

/** What happens when a trial of the link ends without a method. */
function endingOf(link: Link): LinkData['trial_settings'] {
  const ending = link.subscription_data?.trial_settings?.end_behavior.missing_payment_method;
  const known = ENDINGS.find((each) => each === ending);
  return known === undefined ? undefined : { end_behavior: { missing_payment_method: known } };
}

const ENDINGS = ['cancel', 'create_invoice', 'pause'] as const;
type LinkData = NonNullable<Parameters<typeof createSession>[1]['subscription_data']>;

const collectionOf = (link: Link): 'always' | 'if_required' =>
  link.payment_method_collection === 'if_required' ? 'if_required' : 'always';

const modeOfLink = (ctx: Context, id: string): 'classic' | 'flexible' =>
  ctx.note('payment_link', id)['billingMode'] === 'classic' ? 'classic' : 'flexible';

/** What the address of a visit says: a reference, the payer's e-mail, a promotion code. What Stripe would not take is left out. */
function fromAddress(
  ctx: Context,
  link: Link,
  query: URLSearchParams,
): Partial<Parameters<typeof createSession>[1]> {
  const reference = query.get('client_reference_id') ?? '';
  const email = query.get('prefilled_email') ?? query.get('locked_prefilled_email') ?? '';
  const typed = query.get('prefilled_promo_code') ?? '';
  const code = link.allow_promotion_codes && typed !== '' ? findCode(ctx, typed) : undefined;
  const usable = code !== undefined && code.customer === null && redeemable(ctx, code);
  return {
    ...(/^[\w-]{1,200}$/.test(reference) ? { client_reference_id: reference } : {}),
    ...(email.includes('@') ? { customer_email: email } : {}),
    ...(usable
      ? { discounts: [{ promotion_code: code.id }], allow_promotion_codes: undefined }
      : {}),
  };
}

/** Each visit is a Checkout session of its own. */
export function openLink(ctx: Context, id: string, query: URLSearchParams): RawAnswer {
  const link = ctx.store.need('payment_link', id);
  if (!link.active)
    return new RawAnswer(
      410,
      { 'Content-Type': 'text/plain; charset=utf-8' },
      link.inactive_message ?? 'This link is no longer active.',
    );
  const subscribes = link.subscription_data !== null;
  const done = link.after_completion.redirect?.url ?? `${ctx.baseUrl}/`;
  const trial = link.subscription_data?.trial_period_days ?? undefined;
  const session = createSession(ctx, {
    mode: subscribes ? 'subscription' : 'payment',
    success_url: done,
    line_items: keptLines(ctx, id).map((line) => ({
      price: line.price,
      ...(line.quantity === null ? {} : { quantity: line.quantity }),
    })),
    allow_promotion_codes: link.allow_promotion_codes,
    payment_method_collection: subscribes ? collectionOf(link) : undefined,
    automatic_tax: { enabled: link.automatic_tax.enabled },
    metadata: link.metadata,
    ...fromAddress(ctx, link, query),
    ...(subscribes
      ? {
          subscription_data: {
            metadata: link.subscription_data?.metadata,
            billing_mode: { type: modeOfLink(ctx, id) },
            description: link.subscription_data?.description ?? undefined,
            trial_settings: endingOf(link),
            ...(trial === undefined ? {} : { trial_period_days: trial }),
          },
        }
      : {}),
  });
  ask(link, session);
  session.payment_link = id;
  return new RawAnswer(303, { Location: session.url ?? done }, '');
}
