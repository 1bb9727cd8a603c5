/** The commands about a subscription with their routes, and what such a route takes and answers. */
import type { paths } from './api.ts';

export const SUBSCRIPTION_COMMANDS = {
  preview: '/api/billing/subscription/preview',
  change: '/api/billing/subscription/change',
  quantity: '/api/billing/subscription/quantity',
  cancel: '/api/billing/subscription/cancel',
  resume: '/api/billing/subscription/resume',
  pause: '/api/billing/subscription/pause',
  reactivate: '/api/billing/subscription/reactivate',
  discount: '/api/billing/subscription/discount',
} as const;

type PostPath = { [P in keyof paths]: paths[P] extends { post: unknown } ? P : never }[keyof paths];
type Post<P extends PostPath> = paths[P] extends { post: infer Operation } ? Operation : never;
type Json<C> = C extends { content: { 'application/json': infer Value } } ? Value : never;

/** Of a GET or a POST: what it answers when it is done. */
export type AnswerOf<Operation> = Operation extends { responses: infer All }
  ? { [S in keyof All]: S extends 200 | 201 | 202 ? Json<All[S]> : never }[keyof All]
  : never;
export type CommandAnswer<P extends PostPath> = AnswerOf<Post<P>>;
export type CommandBody<P extends PostPath> =
  Post<P> extends { requestBody?: infer Given } ? Json<NonNullable<Given>> : never;
/** Whether a command may be given without a body. */
export type IsBodyOptional<P extends PostPath> =
  Post<P> extends { requestBody: infer Given } ? (undefined extends Given ? true : false) : true;
