import { z } from 'zod';
import { currentSubscriptionOfUser } from '../../../db/subscriptions.ts';
import { defineRoute, json } from '../../http/define-route.ts';
import { cancelBody } from '../cancel/route.ts';
import { changeChoice, planTarget } from '../change-plan/plan-target.ts';
import { changeQuote, makeQuote } from '../change-plan/quote.ts';
import { requireAction } from '../command.ts';
import { pauseBody } from '../pause/route.ts';
import { reactivateBody } from '../reactivate/route.ts';
import { commandQuote } from './command-quote.ts';
import { quoteCancel, quotePause, quoteReactivate, quoteResume } from './command-quotes.ts';

const named = <Name extends string>(name: Name) => ({ command: z.literal(name) });

/** What a command would cost and end, before anybody decides. */
export const previewRoute = defineRoute({
  method: 'POST',
  path: '/api/billing/subscription/preview',
  auth: 'user',
  summary: 'What a command costs, now and at the next renewal, and what is lost by it',
  description:
    'Without `command`, of a change of plan or seats: that is charged exactly this when it is sent with the same ' +
    '`prorationDate` within an hour. With `command` (`pause`, `resume`, `reactivate`, `cancel`) and the body of that ' +
    'command: send `amountDue` and `currency` as its `confirm`.',
  body: z.discriminatedUnion('command', [
    changeChoice.extend({ command: z.literal('change').optional() }),
    cancelBody.extend(named('cancel')),
    pauseBody.extend(named('pause')),
    reactivateBody.extend(named('reactivate')),
    z.strictObject(named('resume')),
  ]),
  response: z.discriminatedUnion('command', [changeQuote, commandQuote]),
  errors: [
    'unknown_plan',
    'unknown_price',
    'unknown_addon',
    'unknown_promotion_code',
    'not_allowed',
    'already_subscribed',
  ],
  handler: async (_request, context) => {
    const { services, account, body } = context;
    const { catalogue, database } = services;
    const current = await currentSubscriptionOfUser(database.knex, account.id, catalogue);
    const { command = 'change' } = body;
    const subscription = requireAction(services, current, command);
    switch (body.command) {
      case 'cancel':
        return json(await quoteCancel(context, subscription, body));
      case 'pause':
        return json(await quotePause(context, subscription, body));
      case 'reactivate':
        return json(await quoteReactivate(context, subscription, body));
      case 'resume':
        return json(await quoteResume(context, subscription));
      default: {
        const target = planTarget(catalogue, subscription, body);
        return json(await makeQuote(services, subscription, target));
      }
    }
  },
});
