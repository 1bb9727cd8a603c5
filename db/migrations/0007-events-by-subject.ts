import type { Migration } from './migration.ts';

/**
 * The waiting events of a subject, under an expression: PostgreSQL, whose statistics of a queue are those of a moment
 * when it was empty, took the index of all due events for the same and went through it for each subject.
 */
export const eventsBySubject: Migration = {
  name: '0007-events-by-subject',
  indexes: [
    {
      name: 'webhook_events_by_subject',
      on: `webhook_events ((CASE WHEN status = 'waiting' THEN subject END))
        WHERE (CASE WHEN status = 'waiting' THEN subject END) IS NOT NULL`,
    },
  ],
  replaces: ['webhook_events_waiting'],
};
