import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { timelineOf } from '../../db/transitions.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { newPerson, PRO, STARTER, type Person } from './billing/person.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ database: 'sqlite', env: { TRIAL_DAYS: '0' } });
});
afterAll(() => server.close());

/** The lines after the purchase: what, by whom, and whether a request of ours is named. */
async function actsOn(person: Person) {
  await server.settled();
  const lines = await timelineOf(server.database.knex, (await person.subscription()).id);
  return lines.slice(1).map(({ event, actor, account, requestId, cause, evidence }) => ({
    event,
    actor,
    account,
    hasRequest: requestId?.startsWith('req_') ?? false,
    cause: cause.type,
    evidence,
  }));
}

async function expectShown(id: string, words: string[]): Promise<void> {
  const { text } = await server.call('GET', `/admin/api/subscriptions/${id}`, { admin: true });
  for (const each of words) expect(text).toContain(each);
}

describe('Who moved a subscription', () => {
  it('P-3: each of seven commands is told once, with its event, user, account and request', async () => {
    const person = newPerson(server);
    await person.subscribe();
    const done = async (name: string, body: object = {}) => {
      const { status, text } = await person.command(name, body);
      expect([200, 202], `${name}: ${text}`).toContain(status);
      await server.settled();
    };
    const change = async (choice: object) => {
      const { answer } = await person.changeTo(choice);
      expect(answer.status, answer.text).toBe(202);
      await server.settled();
    };
    await change(STARTER);
    await done('resume');
    await change({ ...PRO, quantity: 2 });
    await done('cancel', { when: 'period_end' });
    await done('resume');
    await done('pause');
    await done('resume');
    const acts = await actsOn(person);
    expect(acts.map(({ event }) => event)).toEqual([
      'downgrade_scheduled',
      'downgrade_undone',
      'upgraded',
      'cancel_scheduled',
      'cancel_undone',
      'paused',
      'resumed',
    ]);
    for (const act of acts) {
      expect(act).toMatchObject({
        actor: `user:${person.id}`,
        account: person.id,
        hasRequest: true,
        cause: 'event',
        evidence: 'event',
      });
    }
  });

  it('P-3: a cancel keeps its reason and its comment, and both are shown', async () => {
    const person = newPerson(server);
    const { id } = await person.subscribe();
    const said = { feedback: 'too_expensive', comment: 'We hired an accountant.' };
    const { status } = await person.command('cancel', { when: 'period_end', ...said });
    expect(status).toBe(200);
    await server.settled();
    const [line] = (await timelineOf(server.database.knex, id)).slice(1);
    expect(line).toMatchObject({ event: 'cancel_scheduled', evidence: 'event', detail: said });
    await expectShown(id, [...Object.values(said), `user:${person.id}`, line!.requestId!]);
    await server.advance(31);
    const end = (await timelineOf(server.database.knex, id)).at(-1);
    expect(end).toMatchObject({ to: 'canceled', actor: 'stripe', detail: said });
  });

  it('P-25: what is canceled in the customer portal was the portal', async () => {
    const person = newPerson(server);
    const { id } = await person.subscribe();
    const url = new URL(String((await person.post('portal')).json['url']));
    const cancel = new URL(`${url.pathname}/subscriptions/${id}/cancel`, url);
    const said = { feedback: 'switched_service', comment: 'Found a cheaper one.' };
    const body = new URLSearchParams(said);
    const answer = await fetch(cancel, { method: 'POST', body, redirect: 'manual' });
    expect(answer.status).toBe(303);
    expect(await actsOn(person)).toMatchObject([
      { event: 'cancel_scheduled', actor: 'portal', hasRequest: false, evidence: 'event' },
    ]);
    const [line] = (await timelineOf(server.database.knex, id)).slice(1);
    expect(line?.detail).toMatchObject(said);
    await expectShown(id, [...Object.values(said), 'portal']);
  });
});
