import { z } from 'zod';
import { findMail, resendMail } from '../../../db/mails.ts';
import { AppError } from '../../http/errors.ts';
import { json } from '../../http/define-route.ts';
import { defineAct } from './act.ts';

/** Sends a mail again: to the address of today, if what it says is still true. */
export const resend = defineAct({
  name: 'mail.resend',
  path: 'mails/:mail/resend',
  summary: 'Send a mail again, one that was sent or given up',
  description: 'What it says is held to what is true now, as at its first sending.',
  body: z.strictObject({}),
  response: z.object({ id: z.string(), kind: z.string() }),
  status: 202,
  run: async ({ services, account, params }) => {
    const db = services.database.knex;
    const id = Number(params['mail']);
    const mail = Number.isSafeInteger(id) ? await findMail(db, id) : null;
    if (mail?.accountId !== account.id) {
      throw new AppError('not_found', 'This account has no such mail.');
    }
    if (!(await resendMail(db, id, Date.now()))) {
      throw new AppError('not_allowed', 'This mail is waiting to be sent already.');
    }
    services.engine.wake();
    return json({ id: String(id), kind: mail.kind }, 202);
  },
});
