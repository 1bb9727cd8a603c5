import { operatorActor } from '../../../state/roles.ts';
import { recordAudit } from '../../../db/audit-log.ts';
import { newestTransitionId } from '../../../db/dashboard-transitions.ts';
import { findSubscription } from '../../../db/subscriptions.ts';
import { themeCookie, endSession, themeOf } from '../pages/session.ts';
import { replayAll, replayEvents } from '../pages/queries/events.ts';
import { advanceClock, testClockOf, type Leap } from '../pages/test-clock.ts';
import { auditSession } from '../../http/audit.ts';
import { AppError } from '../../http/errors.ts';
import { adminForm, withNotice, type FormContext } from './admin-page.ts';
import { redirect } from '../../http/pages/respond.ts';

/** Every change made here is written down, with who asked. */
async function note(
  { services, session }: FormContext,
  act: { action: string; target: string | null; detail: Record<string, unknown> },
): Promise<void> {
  await recordAudit(services.database.knex, { actor: operatorActor(session.operator), ...act });
}

const replay = adminForm({
  path: '/admin/events/replay',
  role: 'support',
  summary: 'Replays chosen events, or all dead or failed ones',
  handler: async (context) => {
    const { form, back, services } = context;
    const all = form.get('status');
    const ids = form.getAll('id').filter((id) => id !== '');
    if (all !== 'dead' && all !== 'failed' && ids.length === 0)
      return redirect(withNotice(back, 'none'));
    const count =
      all === 'dead' || all === 'failed'
        ? await replayAll(services, all)
        : await replayEvents(services, ids);
    const target = ids.length === 1 ? (ids[0] ?? null) : null;
    const detail = ids.length > 0 ? { ids, count } : { status: all, count };
    await note(context, { action: 'events.replay', target, detail });
    return redirect(withNotice(back, 'replayed', count));
  },
});

const repair = adminForm({
  path: '/admin/subscriptions/:id/repair',
  role: 'support',
  summary: 'Updates a subscription from Stripe',
  handler: async (context) => {
    const { params, requestId, services, session } = context;
    const stored = await findSubscription(services.database.knex, params['id'] ?? '');
    if (!stored) throw new AppError('not_found', 'There is no such subscription here.');
    await services.engine.syncSubscription({
      subscriptionId: stored.id,
      customerId: stored.customerId,
      cause: {
        type: 'verify',
        id: requestId,
        actor: operatorActor(session.operator),
        at: services.clock.now(),
      },
    });
    await note(context, { action: 'subscription.repair', target: stored.id, detail: {} });
    const path = `/admin/subscriptions/${encodeURIComponent(stored.id)}?check=1`;
    return redirect(withNotice(path, 'repaired'));
  },
});

const LEAPS: readonly Leap[] = ['hour', 'day', 'month', 'next', 'period'];

const time = adminForm({
  path: '/admin/time',
  role: 'support',
  summary: 'Moves the test clock',
  handler: async (context) => {
    const { back, form, services } = context;
    const leap = LEAPS.find((name) => name === form.get('by'));
    const clock = testClockOf(services);
    if (!leap || !clock || clock.advancing) return redirect(withNotice(back, 'unmoved'));
    const since = await newestTransitionId(services.database.knex);
    const to = await advanceClock(services, leap);
    await note(context, {
      action: 'clock.advance',
      target: clock.id,
      detail: { by: leap, to: new Date(to).toISOString() },
    });
    const did = testClockOf(services)?.advancing ? 'moving' : 'advanced';
    if (!back.startsWith('/admin/time')) return redirect(withNotice(back, did));
    return redirect(withNotice(`/admin/time?since=${since}&from=${clock.now}`, did));
  },
});

const theme = adminForm({
  path: '/admin/theme',
  role: 'viewer',
  summary: 'Switches between light and dark',
  handler: async ({ back, request, services }) =>
    redirect(back, [themeCookie(services, themeOf(request) === 'dark' ? 'light' : 'dark')]),
});

const logout = adminForm({
  path: '/admin/logout',
  role: 'viewer',
  summary: 'Ends the session',
  handler: async ({ services, session }) => {
    const cookie = await endSession(services, session);
    await auditSession(services, session.operator, { action: 'sign_out' });
    return redirect('/admin/login', [cookie]);
  },
});

export const FORMS = [replay, repair, time, theme, logout];
