import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import type Stripe from 'stripe';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../../db/database.ts';
import { withSchema } from '../../db/database-schema.ts';
import { prepareDatabase } from '../../db/prepare-database.ts';
import { findSubscription } from '../../db/subscriptions.ts';
import { checkNotices } from '../../server/operations/doctor/check-notices.ts';
import { reportFor, type Finding } from '../../server/operations/doctor/finding.ts';
import { startPostgres } from '../support/postgres-setup.ts';
import { startStandby } from '../support/standby.ts';
import { claimPort } from '../../scripts/free-port.ts';
import { createTestDatabase, type TestDatabase } from '../support/databases.ts';
import { createEngineLab, type EngineLab } from '../support/engine-lab.ts';
import { clockOffBy, FAKETIME } from '../support/faketime.ts';
import { mountTmpfs } from '../support/mounted.ts';
import { until } from '../support/server.ts';
import {
  deliverTo,
  prepareServerProcesses,
  type ServerProcess,
  type ServerProcesses,
} from '../support/server-processes.ts';
import { startSmtpSink } from '../support/smtp-sink.ts';
import { beginStory, type Story } from '../support/subscription-story.ts';
import { SAMPLED } from '../support/sizes.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { TEST_ADMIN_TOKEN, TEST_JWT_SECRET, tokenFor } from '../support/tokens.ts';

let lab: EngineLab;
let processes: ServerProcesses;
let database: TestDatabase;
beforeAll(async () => {
  [lab, processes, database] = await Promise.all([
    createEngineLab(),
    prepareServerProcesses(),
    createTestDatabase('postgres'),
  ]);
});
afterAll(async () => {
  await processes.close();
  await lab.emulator.close();
  await database.drop();
});

const start = (extra: Record<string, string> = {}, engine: object = {}) =>
  processes.start({
    ...lab.env(database),
    LOG_LEVEL: 'warn',
    AUTH_JWT_SECRET: TEST_JWT_SECRET,
    ADMIN_TOKEN: TEST_ADMIN_TOKEN,
    TENURE_TEST_ENGINE: JSON.stringify({ catchUpEvery: 0, ...engine }),
    ...extra,
  });
const ready = async (server: ServerProcess) => {
  const response = await fetch(`${server.url}/readyz`);
  await response.body?.cancel();
  return response.status;
};
/** What happened to its customer; the others' news is not its own. */
const newsOf = async (story: Story) =>
  (await story.news()).filter(({ data }) => JSON.stringify(data).includes(story.customerId));
const deliverAll = (server: ServerProcess, events: readonly Stripe.Event[]) =>
  Promise.all(events.map((event) => deliverTo(server, event)));

describe('A process that is stopped for longer than its leases', () => {
  it('S-2: sends nothing of what another has sent meanwhile', async () => {
    const mail = await startSmtpSink();
    const env = { SMTP_URL: mail.url, MAIL_FROM: 'billing@example.com' };
    // In full as in production: stopped for two minutes, with leases of 30 and 60 s.
    const short = { lease: 1_000, effectLease: 1_500, mailTimeout: 1_000 };
    const terms = SAMPLED ? short : {};
    const first = await start(env, terms);
    // It is connected to the mail server, which says nothing yet.
    mail.hold();
    const story = await beginStory(lab);
    await deliverAll(first, await story.news());
    await until(async () => mail.held() > 0);
    first.signal('SIGSTOP');
    mail.release({ held: false });
    const second = await start(env, terms);
    if (!SAMPLED) await sleep(120_000);
    await until(async () => mail.mails.length > 0);
    mail.release({ held: true });
    first.signal('SIGCONT');
    await until(async () => (await ready(first)) === 200);
    await sleep(2_000);
    expect(mail.mails).toHaveLength(1);
    expect(
      await database.knex('outbox').whereLike('kind', 'mail.%').select('kind', 'status'),
    ).toEqual([{ kind: 'mail.receipt', status: 'delivered' }]);
    await Promise.all([first.kill(), second.kill()]);
    await mail.close();
  }, 240_000);
});

// Only libfaketime gives a process another clock; where it is not installed the run says so.
describe.skipIf(!FAKETIME)('A process whose clock is ahead', () => {
  it('S-5: leaves nothing behind that others would do later than at once', async () => {
    const wrong = { ...clockOffBy('+2m'), WEBHOOK_ACK: 'stored' };
    // It runs already: what a start finds to be far ahead is made due in any case.
    const right = await start();
    const ahead = await start(wrong, { concurrency: 0 });
    const story = await beginStory(lab);
    const statuses = await deliverAll(ahead, await newsOf(story));
    expect(new Set(statuses)).toEqual(new Set([200]));
    await ahead.kill();
    const state = async () =>
      (await findSubscription(database.knex, story.subscriptionId))?.state === 'active';
    await until(state, 20_000);
    await right.kill();
  }, 60_000);
});

describe('A PostgreSQL from which nothing comes any more', () => {
  it('S-8: is told to Stripe in time and by /readyz, and keeps no process from stopping', async () => {
    const url = new URL(database.url);
    const proxy = await startTcpProxy({ host: url.hostname, port: Number(url.port) });
    url.port = String(proxy.port);
    const server = await start({ DATABASE_URL: url.href }, { ackTimeout: 2_000 });
    const [event] = await (await beginStory(lab)).news();
    expect(await ready(server)).toBe(200);
    proxy.swallow();
    const from = performance.now();
    expect(await deliverTo(server, event)).toBeGreaterThanOrEqual(500);
    expect(performance.now() - from).toBeLessThan(5_000);
    expect(await ready(server)).toBe(503);
    expect(performance.now() - from).toBeLessThan(15_000);
    if (SAMPLED) {
      process.stdout.write('skipped: the stop without a database takes 15 s (FULL=1)\n');
      await server.kill();
    } else {
      const asked = performance.now();
      server.signal('SIGTERM');
      expect(await server.exited).toBe(0);
      expect(performance.now() - asked).toBeLessThan(30_000);
    }
    await proxy.close();
  }, 60_000);
});

describe('A row that another session keeps locked', () => {
  it('S-9: holds up its own customer and no other', async () => {
    const server = await start();
    const [locked, other]: Story[] = await Promise.all([beginStory(lab), beginStory(lab)]);
    await deliverAll(server, await newsOf(locked!));
    await deliverAll(server, await newsOf(other!));
    const session = new Client({ connectionString: database.url });
    await session.connect();
    await session.query('BEGIN');
    await session.query('SELECT * FROM subscriptions WHERE id = $1 FOR UPDATE', [
      locked!.subscriptionId,
    ]);
    for (const { subscriptionId } of [locked!, other!])
      await lab.stripe.subscriptions.update(subscriptionId, { metadata: { note: 'new' } });
    const stuck = deliverAll(server, await newsOf(locked!));
    const statuses = await deliverAll(server, await newsOf(other!));
    expect(new Set(statuses)).toEqual(new Set([200]));
    const command = await fetch(`${server.url}/api/billing/subscription/cancel`, {
      method: 'POST',
      headers: { authorization: `Bearer ${await tokenFor(`user_of_${other!.customerId}`)}` },
    });
    expect([command.status, await command.text()]).toEqual([200, expect.any(String)]);
    expect(await ready(server)).toBe(200);
    await session.query('ROLLBACK');
    await session.end();
    for (const status of await stuck) expect([200, 500, 503]).toContain(status);
    await until(async () => {
      const where = { status: 'waiting', subject: locked!.customerId };
      return (await database.knex('webhook_events').where(where).first('id')) === undefined;
    });
    await server.kill();
  });
});

describe('A PostgreSQL that becomes read-only under running servers', () => {
  it('S-13: makes deliveries 503 and the server not ready, until it is over', async () => {
    const server = await start();
    const name = new URL(database.url).pathname.slice(1);
    const [event] = await (await beginStory(lab)).news();
    const admin = new Client({ connectionString: database.url });
    await admin.connect();
    const turn = async (setting: 'on' | 'off') => {
      await admin.query(`ALTER DATABASE ${name} SET default_transaction_read_only = ${setting}`);
      await admin.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'tenure'",
      );
    };
    await turn('on');
    await until(async () => (await ready(server)) === 503, 15_000);
    expect(await deliverTo(server, event)).toBe(503);
    await admin.query('SET default_transaction_read_only = off');
    await turn('off');
    await until(async () => (await ready(server)) === 200, 30_000);
    expect(await deliverTo(server, event)).toBe(200);
    await admin.end();
    await server.kill();
  });
});

// It takes 20 s: at full size only, and the run says so.
describe.skipIf(SAMPLED)('A failover to a hot standby', () => {
  it('S-13: is no loss: what the standby refuses comes again once it is the primary', async () => {
    const primary = await startPostgres(['fsync=off']);
    const { hostname: host, port } = new URL(primary.url);
    const proxy = await startTcpProxy({ host, port: Number(port) });
    const through = new URL(`${primary.url}/postgres`);
    through.port = String(proxy.port);
    const opened = openDatabase(through.href);
    await prepareDatabase(opened, { waitMs: 0, note: () => undefined });
    const server = await start({ DATABASE_URL: through.href });
    const [before, during]: Story[] = await Promise.all([beginStory(lab), beginStory(lab)]);
    expect(new Set(await deliverAll(server, await newsOf(before!)))).toEqual(new Set([200]));
    const standby = await startStandby(`${primary.url}/postgres`);
    proxy.leadTo(standby);
    const left = performance.now();
    await until(async () => (await ready(server)) === 503, 15_000);
    expect(performance.now() - left).toBeLessThan(15_000);
    const news = await newsOf(during!);
    expect(new Set(await deliverAll(server, news))).toEqual(new Set([503]));
    await primary.stop();
    await standby.promote();
    const promoted = performance.now();
    await until(async () => (await ready(server)) === 200, 30_000);
    expect(performance.now() - promoted).toBeLessThan(30_000);
    expect(new Set(await deliverAll(server, news))).toEqual(new Set([200]));
    const states = [before!, during!].map(
      async ({ subscriptionId }) => (await findSubscription(opened.knex, subscriptionId))?.state,
    );
    expect(await Promise.all(states)).toEqual(['active', 'active']);
    await opened.close();
    await server.kill();
    await proxy.close();
    await standby.remove();
    await primary.remove();
  }, 120_000);
});
if (SAMPLED) process.stdout.write('skipped: the failover to a hot standby takes 20 s (FULL=1)\n');

describe('A disk that becomes full under a running server', () => {
  it('S-13: makes deliveries 503 and the server not ready, until there is room', async () => {
    const disk = mountTmpfs('3m');
    if (disk === null) return;
    const url = `sqlite:${join(disk.path, 'tenure.sqlite')}`;
    try {
      const made = openDatabase(url);
      await prepareDatabase(made, { waitMs: 0, note: () => undefined });
      await made.close();
      const server = await start({ DATABASE_URL: url });
      const story = await beginStory(lab);
      const events = await story.news();
      expect(await ready(server)).toBe(200);
      const filler = join(disk.path, 'filler');
      execFileSync('sh', ['-c', `head -c 3m /dev/zero > ${filler} || true`], { stdio: 'pipe' });
      // What has room in the file that is there is still written.
      const statuses: (number | null)[] = [];
      await until(async () => {
        statuses.push(await deliverTo(server, { ...events[0], id: `evt_${statuses.length}` }));
        return statuses.at(-1) === 503;
      });
      await until(async () => (await ready(server)) === 503, 15_000);
      rmSync(filler);
      await until(async () => (await ready(server)) === 200, 30_000);
      expect(new Set(await deliverAll(server, events))).toEqual(new Set([200]));
      await server.kill();
    } finally {
      disk.unmount();
    }
  });
});

/** Of the Debian package pgbouncer. */
const PGBOUNCER = '/usr/sbin/pgbouncer';
if (!existsSync(PGBOUNCER))
  process.stdout.write('skipped: poolers, there is no pgbouncer (Debian package pgbouncer)\n');

// A Debian package; where it is not installed the run says so.
describe.skipIf(!existsSync(PGBOUNCER))('PgBouncer in transaction mode', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tenure-pgbouncer-'));
  let pooler: ChildProcess;
  let pooled: string;
  beforeAll(async () => {
    const direct = new URL(database.url);
    const url = new URL(database.url);
    url.port = String(await claimPort(0, '127.0.0.1'));
    pooled = url.href;
    const file = join(folder, 'pgbouncer.ini');
    writeFileSync(
      file,
      `[databases]
* = host=127.0.0.1 port=${direct.port} user=${direct.username} password=${direct.password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${url.port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 4
ignore_startup_parameters = idle_in_transaction_session_timeout
`,
    );
    for (const path of [folder, file]) chmodSync(path, 0o755);
    // It refuses to run as root.
    const user = process.getuid?.() === 0 ? ['-u', 'nobody'] : [];
    pooler = spawn(PGBOUNCER, [...user, file], { stdio: 'ignore' });
    await until(async () => {
      const client = new Client({ connectionString: pooled });
      client.on('error', () => undefined);
      try {
        await client.connect();
        return true;
      } catch {
        return false;
      } finally {
        await client.end().catch(() => undefined);
      }
    });
  });
  afterAll(async () => {
    pooler.kill('SIGKILL');
    await once(pooler, 'exit');
    rmSync(folder, { recursive: true, force: true });
  });

  it('A-1: a schema of its own is refused in words, unless the role has it', async () => {
    const schema = 'tenure_pooled';
    const open = async (url: string) => {
      const own = openDatabase(withSchema(url, schema), { poolSize: 1 });
      const options = { waitMs: 1_000, note: () => undefined };
      try {
        await prepareDatabase(own, options);
      } finally {
        await own.close();
      }
    };
    await expect(open(pooled)).rejects.toThrow(/ALTER ROLE .* SET search_path = tenure_pooled/);
    await open(database.url);
  });

  it('S-10: changes nothing for two servers: deliveries, commands, mails', async () => {
    const mail = await startSmtpSink();
    const env = {
      DATABASE_URL: pooled,
      SMTP_URL: mail.url,
      MAIL_FROM: 'billing@example.com',
      APP_URL: 'http://127.0.0.1',
    };
    const began = Date.now();
    const servers = await Promise.all([start(env), start(env)]);
    const stories = await Promise.all(Array.from({ length: 8 }, () => beginStory(lab)));
    const events = new Map<string, Stripe.Event>();
    for (const story of stories)
      for (const event of await story.news()) events.set(event.id, event);
    const of = (customerId: string) =>
      [...events.values()].filter(({ data }) => JSON.stringify(data).includes(customerId));
    const statuses = await Promise.all(
      stories.map(({ customerId }, i) => deliverAll(servers[i % 2]!, of(customerId))),
    );
    expect(new Set(statuses.flat())).toEqual(new Set([200]));
    const commands = stories.map(async ({ customerId }, i) => {
      const response = await fetch(`${servers[(i + 1) % 2]!.url}/api/billing/subscription/cancel`, {
        method: 'POST',
        headers: { authorization: `Bearer ${await tokenFor(`user_of_${customerId}`)}` },
      });
      await response.body?.cancel();
      return response.status;
    });
    expect(new Set(await Promise.all(commands))).toEqual(new Set([200]));
    await until(async () => mail.mails.length >= stories.length);
    expect(await Promise.all(servers.map(ready))).toEqual([200, 200]);
    // A server that an earlier test killed at its work holds its effects for a minute.
    const left = database
      .knex('outbox')
      .where({ status: 'waiting' })
      .where('created_at', '>=', began)
      .first('id');
    await until(async () => (await left.clone()) === undefined);
    expect(new Set(mail.mails.map(({ messageId }) => messageId)).size).toBe(mail.mails.length);
    await Promise.all(servers.map((server) => server.kill()));
    await mail.close();
  }, 60_000);

  it('S-10: is found by doctor, with what does not pass', async () => {
    const findings: Finding[] = [];
    const report = reportFor('database', (finding) => findings.push(finding));
    for (const url of [database.url, pooled]) {
      const opened = openDatabase(url);
      await checkNotices(opened, report);
      await opened.close();
    }
    expect(findings.map(({ code }) => code)).toEqual(['ok', 'database_pooled']);
  });
});
