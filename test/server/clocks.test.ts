import { afterEach, beforeAll, afterAll, describe, expect, it, vi } from 'vitest';
import { startEmulator, type RunningEmulator } from '../../scripts/stripe-emulator/index.ts';
import { createClockOffsets } from '../../server/app/clock-offsets.ts';
import { clockSkew } from '../../server/lib/clock-skew.ts';
import { createMetrics } from '../../server/lib/metrics.ts';
import { createTestDatabase, type TestDatabase } from '../support/databases.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

afterEach(() => vi.useRealTimers());

describe('The three clocks', () => {
  let emulator: RunningEmulator;
  let server: TestServer;
  let postgres: TestDatabase;
  beforeAll(async () => {
    emulator = await startEmulator();
    server = await startTestServer({ database: 'sqlite', emulator });
    postgres = await createTestDatabase('postgres', { empty: true, poolSize: 1 });
  });
  afterAll(async () => {
    await server.close();
    await emulator.close();
    await postgres.drop();
  });

  it('differ by no more than the question took, as far as one can tell', () => {
    expect(clockSkew({ asked: 1_000, answered: 1_400 }, 1_200, 1)).toBe(0);
    expect(clockSkew({ asked: 9_000, answered: 9_400 }, 1_000, 1_000)).toBe(7_000);
    expect(clockSkew({ asked: 1_000, answered: 1_400 }, 9_400, 1_000)).toBe(-8_000);
  });

  it('S-3: are compared at each call to Stripe, and with the database’s when asked', async () => {
    const metrics = createMetrics();
    const offsets = createClockOffsets(postgres, metrics);
    const call = { method: 'GET', resource: '/v1/events', status: 200, seconds: 0.1 };
    expect(offsets.stripe()).toBeNull();
    const whole = Math.floor(Date.now() / 1000) * 1000;
    metrics.stripeCall({ ...call, date: whole });
    expect(offsets.stripe()).toBe(0);
    metrics.stripeCall({ ...call, date: whole - 20_000 });
    expect(offsets.stripe()).toBeGreaterThan(18_000);
    metrics.stripeCall({ ...call, status: null, date: null });
    expect(offsets.stripe()).toBeGreaterThan(18_000);
    expect(Math.abs(await offsets.database())).toBeLessThan(100);
    // This process's clock is an hour ahead of PostgreSQL's.
    vi.useFakeTimers({ toFake: ['Date'] });
    vi.setSystemTime(Date.now() + 3_600_000);
    expect(Math.round((await offsets.database()) / 1000)).toBe(3_600);
  });

  it('S-3: show in /readyz, and make the server not ready where signatures would be refused', async () => {
    const { clockOffsets } = server.services;
    const real = clockOffsets.stripe;
    const ready = async (stripe: number | null) => {
      clockOffsets.stripe = () => stripe;
      const { status, json } = await server.call('GET', '/readyz');
      return [status, (json['checks'] as { clocks: string }).clocks];
    };
    expect(await ready(null)).toEqual([200, 'ok']);
    expect(await ready(-4_000)).toEqual([200, 'ok']);
    expect(await ready(-6_000)).toEqual([200, 'off']);
    expect(await ready(3_600_000)).toEqual([503, 'failed']);
    clockOffsets.stripe = real;
  });

  it('S-3: are figures for Prometheus', async () => {
    await server.call('POST', '/api/billing/checkout', {
      user: 'u1',
      body: { plan: 'pro', interval: 'monthly' },
    });
    const { text } = await server.call('GET', '/metrics', { admin: true });
    for (const of of ['stripe', 'database']) {
      const [, seconds] =
        new RegExp(`tenure_clock_offset_seconds\\{of="${of}"\\} (\\S+)`).exec(text) ?? [];
      expect(Math.abs(Number(seconds)), of).toBeLessThan(2);
    }
  });
});
