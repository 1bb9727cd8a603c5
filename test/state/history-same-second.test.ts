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

const event = (id: string, type: string, object: Raw, before?: Raw) =>
  readEvent(
    rawEvent(type, object, {
      id,
      data: before === undefined ? { object } : { object, previous_attributes: before },
    }),
  );

describe('Changes of one second', () => {
  it('P-24: a scheduled downgrade that a read has shown is joined with its event, which comes after another change of plan', () => {
    const world = new RecordedHistory();
    const schedule = downgradeSchedule();
    const updated = 'customer.subscription.updated';
    const starter = itemList(rawItem({}, 'price_starter_month'));
    const scheduled = { schedule: schedule['id'] };
    const events = {
      created: event('evt_created', 'customer.subscription.created', rawSubscription()),
      attached: event('evt_attached', updated, rawSubscription(scheduled), { schedule: null }),
      dashboard: event(
        'evt_dashboard',
        updated,
        rawSubscription({ ...scheduled, items: starter }),
        {
          items: itemList(rawItem()),
        },
      ),
      planned: event('evt_planned', 'subscription_schedule.updated', schedule),
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
