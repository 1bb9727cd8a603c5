import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { addExtras, type Extras } from './extras.ts';
import { DataFile } from './kernel/persistence.ts';
import { Emulator } from './kernel/emulator.ts';
import { Registry } from './kernel/registry.ts';
import { createHttpServer } from './kernel/server.ts';
import { onNewAccount, registerAll } from './resources/index.ts';
import { services } from './services.ts';
import { certificateIn } from './tls.ts';

export interface EmulatorOptions {
  /** 0 (default) takes a free port. */
  port?: number;
  /** Default 127.0.0.1. */
  host?: string;
  /** Keep everything in this JSON file, and start from it. Default: memory only. */
  dataFile?: string;
  /** Milliseconds before each retry of a failed webhook delivery. */
  webhookRetrySchedule?: readonly number[];
  /** Where callers reach it, as `https://stripe.test`, when a proxy is in front that does not say so. */
  publicUrl?: string;
  /** Speaks TLS, with a certificate for Stripe's hosts that is kept (and made at first, by `openssl`) in this directory. */
  tlsDir?: string;
  /** Also listens on this Unix socket, which is what the Stripe CLI's STRIPE_CLI_UNIX_SOCKET points to. */
  unixSocket?: string;
}
export interface RunningEmulator {
  /** `http://127.0.0.1:PORT`, without a slash at the end. */
  url: string;
  port: number;
  close: () => Promise<void>;
}

const DEFAULT_RETRIES = [1_000, 5_000, 30_000, 300_000, 3_600_000];

/** Starts a local Stripe. Any key `sk_test_…` is an account of its own. */
export async function startEmulator(options: EmulatorOptions = {}): Promise<RunningEmulator> {
  const registry = new Registry();
  const emulator = new Emulator({
    registry,
    services,
    retrySchedule: options.webhookRetrySchedule ?? DEFAULT_RETRIES,
    onNewAccount,
  });
  registerAll(registry, emulator);
  const extras = addExtras(registry, emulator);
  emulator.shared.publicUrl = options.publicUrl ?? null;
  const tls = options.tlsDir === undefined ? undefined : certificateIn(options.tlsDir);
  const server = createHttpServer(emulator, tls);
  extras.attach(server);
  const host = options.host ?? '127.0.0.1';
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, host, resolve);
  });
  const port = portOf(server.address());
  emulator.shared.baseUrl = `${tls === undefined ? 'http' : 'https'}://${host}:${port}`;
  const local = options.unixSocket === undefined ? null : createHttpServer(emulator);
  if (local !== null) await listenLocally(local, extras, options.unixSocket ?? '');
  const file = options.dataFile === undefined ? null : new DataFile(emulator, options.dataFile);
  return {
    url: emulator.shared.baseUrl,
    port,
    async close() {
      extras.close();
      emulator.close();
      file?.close();
      await Promise.all([server, ...(local === null ? [] : [local])].map(closed));
    },
  };
}

async function listenLocally(server: Server, extras: Extras, path: string): Promise<void> {
  extras.attach(server);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
}

async function closed(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

function portOf(address: string | AddressInfo | null): number {
  if (address === null || typeof address === 'string')
    throw new Error('the emulator did not get a port');
  return address.port;
}
