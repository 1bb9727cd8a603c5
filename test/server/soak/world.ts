import { setTimeout as sleep } from 'node:timers/promises';
import type { Dialect } from '../../../db/database.ts';
import type { EngineOptions } from '../../../server/sync/options.ts';
import type { RunningEmulator } from '../../../scripts/stripe-emulator/index.ts';
import { createTestDatabase, type TestDatabase } from '../../support/databases.ts';
import { createEngineLab, type EngineLab } from '../../support/engine-lab.ts';
import type { ServerProcess, ServerProcesses } from '../../support/server-processes.ts';
import { startSmtpSink, type SmtpSink } from '../../support/smtp-sink.ts';
import { startTcpProxy, type TcpProxy } from '../../support/tcp-proxy.ts';
import { TEST_ADMIN_TOKEN, TEST_JWT_SECRET } from '../../support/tokens.ts';
import { startWebhookReceiver, type WebhookReceiver } from '../../support/webhook-receiver.ts';

/**
 * Shorter than in production, so that a process can be stopped for longer than its leases many times in an hour; all else
 * is as it runs.
 */
const ENGINE: Partial<EngineOptions> = {
  lease: 4_000,
  effectLease: 6_000,
  mailTimeout: 3_000,
  webhookTimeout: 3_000,
  catchUpEvery: 3_000,
};

/** A server process, and what stands between it and the rest. */
export interface Seat {
  name: string;
  process: ServerProcess;
  /** On SQLite there is none. */
  database: TcpProxy | null;
  stripe: TcpProxy;
  /** True from when it is stopped, killed or broken until it is whole: what it answers then counts for nothing. */
  isBroken: boolean;
  /** Ends it as a crash does, and starts it again with these variables more. */
  restart(extra?: Record<string, string>): Promise<void>;
}

/** One account at Stripe, one database, and the servers on both. */
export interface World {
  lab: EngineLab;
  database: TestDatabase;
  seats: Seat[];
  mail: SmtpSink;
  receiver: WebhookReceiver;
  close(): Promise<void>;
}

export interface WorldParts {
  dialect: Dialect;
  emulator: RunningEmulator;
  processes: ServerProcesses;
}

export async function openWorld({ dialect, emulator, processes }: WorldParts): Promise<World> {
  const [lab, database, mail, receiver] = await Promise.all([
    createEngineLab(emulator),
    createTestDatabase(dialect),
    startSmtpSink(),
    startWebhookReceiver(),
  ]);
  const names = dialect === 'postgres' ? ['a', 'b'] : ['a'];
  const shared = {
    ...lab.env(database),
    LOG_LEVEL: 'warn',
    AUTH_JWT_SECRET: TEST_JWT_SECRET,
    ADMIN_TOKEN: TEST_ADMIN_TOKEN,
    SMTP_URL: mail.url,
    MAIL_FROM: 'billing@example.com',
    OUTGOING_WEBHOOK_URL: receiver.url,
    OUTGOING_WEBHOOK_SECRET: `whsec_${'A'.repeat(32)}`,
    TENURE_TEST_ENGINE: JSON.stringify(ENGINE),
  };
  async function sit(name: string): Promise<Seat> {
    const stripe = await startTcpProxy(placeOf(emulator.url));
    const inFront = dialect === 'postgres' ? await startTcpProxy(placeOf(database.url)) : null;
    const env = {
      ...shared,
      STRIPE_API_BASE: through(emulator.url, stripe),
      ...(inFront && { DATABASE_URL: through(database.url, inFront) }),
    };
    const seat: Seat = {
      name,
      process: await processes.start(env),
      database: inFront,
      stripe,
      isBroken: false,
      async restart(extra = {}) {
        await seat.process.kill();
        seat.process = await processes.start({ ...env, ...extra });
      },
    };
    return seat;
  }
  const seats = await Promise.all(names.map(sit));
  return {
    lab,
    database,
    seats,
    mail,
    receiver,
    async close() {
      for (const seat of seats) {
        await seat.process.kill();
        await seat.stripe.close();
        await seat.database?.close();
      }
      await Promise.all([mail.close(), receiver.close(), database.drop()]);
    },
  };
}

function placeOf(url: string): { host: string; port: number } {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port) };
}

function through(url: string, { port }: TcpProxy): string {
  const there = new URL(url);
  there.hostname = '127.0.0.1';
  there.port = String(port);
  return there.href.replace(/\/$/, '');
}

/** What `/readyz` of a server answers; null when it answers nothing. */
export async function readyOf({ process }: Seat): Promise<number | null> {
  try {
    const signal = AbortSignal.timeout(7_000);
    const response = await fetch(`${process.url}/readyz`, { signal });
    await response.body?.cancel();
    return response.status;
  } catch {
    return null;
  }
}

/** Whether it comes true within so many ms. */
export async function comesTrue(holds: () => Promise<boolean>, ms: number): Promise<boolean> {
  const deadline = performance.now() + ms;
  for (;;) {
    if (await holds()) return true;
    if (performance.now() > deadline) return false;
    await sleep(200);
  }
}
