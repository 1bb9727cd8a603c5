import { describe, expect, it } from 'vitest';
import { readEvent } from '../../state/event-facts.ts';
import {
  downgradeSchedule,
  itemList,
  rawEvent,
  rawItem,
  rawSubscription,
  T0,
  type Raw,
} from './factories.ts';
import { RecordedHistory } from './recorded-history.ts';

const event = (type: string, object: Raw, more: Raw) => readEvent(rawEvent(type, object, more));
const change = (id: string, object: Raw, previous_attributes: Raw) =>
  event('customer.subscription.updated', object, { id, data: { object, previous_attributes } });

describe('Changes of one second', () => {
  it('P-24: a scheduled downgrade that a read has shown is joined with its event, which comes after another change of plan', () => {
    const world = new RecordedHistory();
    const schedule = downgradeSchedule();
    const starter = itemList(rawItem({}, 'price_starter_month'));
    const scheduled = { schedule: schedule['id'] };
    const changed = rawSubscription({ ...scheduled, items: starter });
    const events = {
      created: event('customer.subscription.created', rawSubscription(), { id: 'evt_created' }),
      attached: change('evt_attached', rawSubscription(scheduled), { schedule: null }),
      dashboard: change('evt_dashboard', changed, { items: itemList(rawItem()) }),
      planned: event('subscription_schedule.updated', schedule, { id: 'evt_planned' }),
    };
    const now = T0 * 1000;
    world.deliver([events.created], rawSubscription(), now);
    // The command's own read.
    world.deliver([], rawSubscription({ schedule }), now);
    const end = rawSubscription({ schedule, items: starter });
    for (const each of [events.dashboard, events.attached, events.planned])
      world.deliver([each], end, now);
    expect(world.shown().map(({ causeId, from, to }) => [from, to, causeId])).toEqual([
      ['none', 'active', 'evt_created'],
      ['active', 'downgrading', 'evt_planned'],
      ['downgrading', 'active', 'evt_dashboard'],
    ]);
  });
});
