import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { addNote, notesOf } from '../../../db/account-notes.ts';
import { operatorActor } from '../../../state/roles.ts';
import { defineRoute, json } from '../../http/define-route.ts';
import { defineAct } from './act.ts';

/** Words for other operators; the customer never sees them. */
export const note = defineAct({
  name: 'note',
  path: 'notes',
  summary: 'Note something on an account',
  body: z.strictObject({ text: z.string().trim().min(1).max(4_000) }),
  response: z.object({ id: z.string() }),
  status: 201,
  run: async ({ services, account, operator, body }) => {
    const id = `note_${randomUUID()}`;
    await addNote(services.database.knex, {
      id,
      accountId: account.id,
      author: operatorActor(operator),
      text: body.text,
      createdAt: Date.now(),
    });
    return json({ id }, 201);
  },
});

/** What operators noted. */
export const notes = defineRoute({
  method: 'GET',
  path: '/admin/api/accounts/:id/notes',
  auth: 'admin',
  role: 'viewer',
  summary: 'The notes on an account, newest first; a hundred at most',
  response: z.object({
    notes: z.array(
      z.object({
        id: z.string(),
        author: z.string(),
        text: z.string(),
        createdAt: z.iso.datetime(),
      }),
    ),
  }),
  handler: async (_request, { services, params }) => {
    const found = await notesOf(services.database.knex, params['id'] ?? '', 100);
    return json({
      notes: found.map(({ id, author, text, createdAt }) => ({
        id,
        author,
        text,
        createdAt: new Date(createdAt).toISOString(),
      })),
    });
  },
});
