/**
 * Spans of OpenTelemetry, where the host has registered a provider; else nothing. What follows from one event of Stripe is
 * one trace, also where another process does it days later: the ids of the trace come from the event's id.
 */
import { createHash } from 'node:crypto';
import {
  context,
  ProxyTracerProvider,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Attributes,
  type Context,
  type Link,
} from '@opentelemetry/api';

export interface Traced {
  name: 'tenure.webhook' | 'tenure.process' | 'tenure.effect';
  /** Of the event, or of the request that caused it. */
  causeId: string;
  attributes: Attributes;
  /** ms since the epoch, where it began before it was known what it is about. */
  startedAt?: number;
}

const KINDS = {
  'tenure.webhook': SpanKind.CONSUMER,
  'tenure.process': SpanKind.INTERNAL,
  'tenure.effect': SpanKind.PRODUCER,
};

export type Trace = <Result>(known: Traced, act: () => Promise<Result>) => Promise<Result>;

/** How to trace, where spans go anywhere; else null. */
export function createTrace(): Trace | null {
  const provider = trace.getTracerProvider();
  const isProxy = provider instanceof ProxyTracerProvider;
  return isProxy && provider.getDelegateTracer('tenure') === undefined ? null : traced;
}

/** Runs `act` in a span, so that what it does in turn is below it. */
async function traced<Result>(
  { name, causeId, attributes, startedAt }: Traced,
  act: () => Promise<Result>,
): Promise<Result> {
  const parent = contextOf(causeId);
  const options = { kind: KINDS[name], attributes, startTime: startedAt, links: linksToHere() };
  const span = trace.getTracer('tenure').startSpan(name, options, parent);
  try {
    return await context.with(trace.setSpan(parent, span), act);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    span.recordException(error instanceof Error ? error : message);
    span.setStatus({ code: SpanStatusCode.ERROR, message });
    throw error;
  } finally {
    span.end();
  }
}

/** The span in which the host received the request belongs to a trace of its own. */
function linksToHere(): Link[] {
  const here = trace.getSpanContext(context.active());
  return here ? [{ context: here }] : [];
}

/** The cause itself, which has no span of its own. */
function contextOf(causeId: string): Context {
  const hash = createHash('sha256').update(causeId).digest('hex');
  const [traceId, spanId] = [hash.slice(0, 32), hash.slice(32, 48)];
  const traceFlags = TraceFlags.SAMPLED;
  return trace.setSpanContext(context.active(), { traceId, spanId, traceFlags, isRemote: true });
}
