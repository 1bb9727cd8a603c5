import { SignJWT } from 'jose';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startEmulator, type RunningEmulator } from '../../scripts/stripe-emulator/index.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { TEST_ADMIN_TOKEN, TEST_JWT_SECRET, tokenFor } from '../support/tokens.ts';

const [NEW_TOKEN, NEW_SECRET] = ['the-new-admin-token-of-a-test', 'n'.repeat(32)];

let emulator: RunningEmulator;
let server: TestServer;
beforeAll(async () => {
  emulator = await startEmulator();
  server = await startTestServer({
    database: 'sqlite',
    emulator,
    env: {
      ADMIN_TOKEN: `${NEW_TOKEN},${TEST_ADMIN_TOKEN}`,
      AUTH_JWT_SECRET: `${NEW_SECRET},${TEST_JWT_SECRET}`,
    },
  });
});
afterAll(async () => {
  await server.close();
  await emulator.close();
});

const status = async (path: string, token: string) =>
  (await server.call('GET', path, { headers: { authorization: `Bearer ${token}` } })).status;

it('S-22: while a secret is replaced, tokens of both are good, and no others', async () => {
  const signedBy = (secret: string) =>
    new SignJWT({})
      .setProtectedHeader({ alg: 'HS256' })
      .setSubject('u1')
      .setIssuedAt()
      .setExpirationTime('1h')
      .sign(new TextEncoder().encode(secret));
  const path = '/api/billing/subscription';
  expect(await status(path, await tokenFor('u1'))).toBe(200);
  expect(await status(path, await signedBy(NEW_SECRET))).toBe(200);
  expect(await status(path, await signedBy('o'.repeat(32)))).toBe(401);
  for (const token of [NEW_TOKEN, TEST_ADMIN_TOKEN])
    expect(await status('/admin/api/stats', token)).toBe(200);
  expect(await status('/admin/api/stats', `${NEW_TOKEN},${TEST_ADMIN_TOKEN}`)).toBe(401);
});

it('S-22: a session begun with the old token lasts until that token is taken away', async () => {
  const signIn = async (token: string, at: TestServer) => {
    const body = new URLSearchParams({ token });
    const answer = await fetch(`${at.url}/admin/login`, {
      method: 'POST',
      redirect: 'manual',
      body,
    });
    return answer.headers.get('set-cookie')?.split(';')[0] ?? '';
  };
  const before = await startTestServer({ database: 'sqlite', emulator });
  const cookie = await signIn(TEST_ADMIN_TOKEN, before);
  await before.close();
  const see = async (at: TestServer) =>
    (await fetch(`${at.url}/admin`, { headers: { cookie }, redirect: 'manual' })).status;
  expect(await see(server)).toBe(200);
  for (const token of [NEW_TOKEN, TEST_ADMIN_TOKEN])
    expect(await signIn(token, server)).not.toBe('');
  const after = await startTestServer({
    database: 'sqlite',
    emulator,
    env: { ADMIN_TOKEN: NEW_TOKEN },
  });
  expect(await see(after)).toBe(303);
  await after.close();
});
