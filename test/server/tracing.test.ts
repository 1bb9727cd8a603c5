import { trace } from '@opentelemetry/api';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { afterAll, describe, expect, it } from 'vitest';
import { createTrace } from '../../server/lib/tracing.ts';
import { newPerson } from './billing/person.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

const exporter = new InMemorySpanExporter();
let server: TestServer;
afterAll(async () => {
  trace.disable();
  await server.close();
});

describe('OpenTelemetry', () => {
  it('is not asked where the host has registered none', () => {
    expect(createTrace()).toBeNull();
  });

  it('A-16: has webhook, decision and mail of one event in one trace', async () => {
    const processor = new SimpleSpanProcessor(exporter);
    trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [processor] }));
    server = await startTestServer({ database: 'sqlite', env: { TRIAL_DAYS: '0' } });
    await newPerson(server).subscribe();
    await server.settled();
    const spans = exporter.getFinishedSpans();
    const receipt = spans.find((span) => span.attributes['tenure.kind'] === 'mail.receipt');
    const { traceId } = receipt!.spanContext();
    const together = spans.filter((span) => span.spanContext().traceId === traceId);
    const named = (name: string) => together.filter((span) => span.name === name);
    const event = named('tenure.webhook')[0]?.attributes['stripe.event.id'];
    expect(event).toMatch(/^evt_/);
    const [processed] = named('tenure.process');
    expect(processed?.attributes).toMatchObject({
      'stripe.event.id': event,
      'stripe.subscription.id': expect.stringMatching(/^sub_/) as string,
      'tenure.state': 'active',
      'tenure.committed': true,
    });
    // All hang from the event itself.
    expect(new Set(together.map((span) => span.parentSpanContext?.spanId)).size).toBe(1);
    expect(new Set(spans.map((span) => span.spanContext().traceId)).size).toBeGreaterThan(1);
  }, 60_000);

  it('says what failed', async () => {
    exporter.reset();
    const known = { name: 'tenure.effect', causeId: 'evt_2', attributes: {} } as const;
    const act = () => Promise.reject(new Error('no such host'));
    await expect(createTrace()?.(known, act)).rejects.toThrow('no such host');
    expect(exporter.getFinishedSpans()[0]?.status).toEqual({ code: 2, message: 'no such host' });
  });
});
