import type Stripe from 'stripe';
import type { Context } from '../../kernel/context.ts';

/** The job that ends an unpaid session. */
export const EXPIRE_SESSION = 'expire_checkout_session';

/** Ends an open session. Emits `checkout.session.expired`. */
export function expireSession(
  ctx: Context,
  session: Stripe.Checkout.Session,
): Stripe.Checkout.Session {
  ctx.unschedule(EXPIRE_SESSION, session.id);
  const apply = () => {
    session.status = 'expired';
    session.url = null;
  };
  ctx.update('checkout.session', session, { event: null, apply });
  ctx.emit('checkout.session.expired', session);
  return session;
}

/** The job at a session's `expires_at`. */
export function expireJob(ctx: Context, id: string): void {
  const session = ctx.store.find('checkout.session', id);
  if (session?.status === 'open') expireSession(ctx, session);
}
