import { createHmac } from 'node:crypto';
import http from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { verifyStripeSignature } from '../../../adapters/stripe-signature.ts';
import { signStripePayload } from '../../support/sign-stripe-payload.ts';
import { startServer } from '../../../server/app/http-server.ts';
import { createTestDatabase, type TestDatabase } from '../../support/databases.ts';
import { createEngineLab, type EngineLab, type LabEngine } from '../../support/engine-lab.ts';
import { randomFrom, type Random } from '../../support/random.ts';
import { RUNS, sizeOf } from '../../support/sizes.ts';

const SEED = Number(process.env['TENURE_TEST_SEED'] ?? Date.now() % 1_000_000_000);
const MUTATIONS = sizeOf({ sample: 5_000, full: 100_000 });
/** Of these, every so many go through the route as well. */
const EVERY = 25;

const SECRETS = ['whsec_of_the_engine_lab', 'whsec_that_is_being_rotated_out'];
const NOW = Math.floor(Date.now() / 1000);

interface Delivery {
  body: Uint8Array;
  /** null: the header is missing. */
  header: string | null;
}

const hex = (text: string | Uint8Array) => Buffer.from(text).toString('hex');
const flipBit = (random: Random, bytes: Uint8Array): Uint8Array => {
  const copy = Uint8Array.from(bytes);
  const at = random.below(copy.length);
  copy[at] = copy[at]! ^ (1 << random.below(8));
  return copy;
};
const signed = (body: Uint8Array, secret = SECRETS[0]!, time = NOW) =>
  signStripePayload(body, secret, time);
const signatureOf = (header: string) => header.split('v1=')[1]!;

/** Each makes of a good delivery one that must not pass. */
const MUTATORS: Record<string, (random: Random, body: Uint8Array) => Delivery> = {
  'a bit of the body flipped': (random, body) => ({
    body: flipBit(random, body),
    header: signed(body),
  }),
  'the body cut': (random, body) => ({
    body: body.subarray(0, random.below(body.length)),
    header: signed(body),
  }),
  'the body longer': (random, body) => ({
    body: Buffer.concat([body, Buffer.from(random.pick([' ', '\n', '\0', '{}', '\r\n']))]),
    header: signed(body),
  }),
  'another body': (random, body) => ({
    body: Buffer.from(`{"id":"evt_${random.below(1e9)}","type":"customer.subscription.deleted"}`),
    header: signed(body),
  }),
  'the JSON written anew': (random, body) => ({
    body: Buffer.from(JSON.stringify(JSON.parse(text(body)), null, random.pick([1, 2, '\t']))),
    header: signed(body),
  }),
  'another encoding': (random, body) => ({
    body: random.pick([
      Buffer.from(text(body), 'utf16le'),
      Buffer.from(`\uFEFF${text(body)}`),
      Buffer.from(text(body), 'latin1'),
      Buffer.from(body).subarray(0).swap16(),
      Buffer.from(Buffer.from(body).toString('base64')),
      Buffer.from(encodeURIComponent(text(body))),
    ]),
    header: signed(body),
  }),
  'a digit of the signature changed': (random, body) => {
    const header = signed(body);
    const at = header.length - 1 - random.below(64);
    const digit = ((Number.parseInt(header[at]!, 16) + 1 + random.below(15)) % 16).toString(16);
    return { body, header: header.slice(0, at) + digit + header.slice(at + 1) };
  },
  'the header cut': (random, body) => {
    const header = signed(body);
    return { body, header: header.slice(0, random.below(header.length)) };
  },
  'another secret': (random, body) => ({
    body,
    header: signed(body, random.pick(['whsec_other', `whsec_${random.below(1e9)}`, ' '])),
  }),
  'nearly the secret': (random, body) => ({
    body,
    header: signed(
      body,
      random.pick([SECRETS[0]!.slice(0, -1), `${SECRETS[0]} `, SECRETS[0]!.toUpperCase()]),
    ),
  }),
  'an old time, signed well': (random, body) => ({
    body,
    header: signed(body, random.pick(SECRETS), NOW - 302 - random.below(1e6)),
  }),
  'a time to come, signed well': (random, body) => ({
    body,
    header: signed(body, random.pick(SECRETS), NOW + 1_000 + random.below(1e6)),
  }),
  'an old signature under a new time': (random, body) => ({
    body,
    header: `t=${NOW},v1=${signatureOf(signed(body, SECRETS[0], NOW - 1 - random.below(1e6)))}`,
  }),
  'a time that is no number': (random, body) => {
    const time = random.pick(['', ' ', 'NaN', '1e9', '-1', `${NOW}.0`, `+${NOW}`, `0x${NOW}`]);
    const digest = createHmac('sha256', SECRETS[0]!).update(`${time}.`).update(body).digest('hex');
    return { body, header: `t=${time},v1=${digest}` };
  },
  'two times': (random, body) => {
    const old = NOW - 400 - random.below(1e6);
    const parts = [`t=${NOW}`, `t=${old}`, `v1=${signatureOf(signed(body, SECRETS[0], old))}`];
    return { body, header: random.shuffled(parts).join(random.pick([',', ', '])) };
  },
  'two headers, none of them good': (random, body) => ({
    body,
    header: random
      .shuffled([signed(body, 'whsec_other'), signed(flipBit(random, body))])
      .join(', '),
  }),
  'many wrong signatures': (random, body) => ({
    body,
    header: `t=${NOW},${Array.from({ length: 1 + random.below(20) }, () => `v1=${hex(String(random.next())).padEnd(64, '0').slice(0, 64)}`).join(',')}`,
  }),
  'another scheme': (random, body) => ({
    body,
    header: signed(body).replace('v1=', random.pick(['v0=', 'v2=', 'V1=', 'v1 =', '=', 'v1'])),
  }),
  'the signature in another form': (random, body) => {
    const digest = Buffer.from(signatureOf(signed(body)), 'hex');
    const form = random.pick(['base64', 'base64url', 'latin1'] as const);
    return { body, header: `t=${NOW},v1=${digest.toString(form)}` };
  },
  'no time in what was signed': (_, body) => ({
    body,
    header: `t=${NOW},v1=${createHmac('sha256', SECRETS[0]!).update(body).digest('hex')}`,
  }),
  'a plain hash': (random, body) => ({
    body,
    header: `t=${NOW},v1=${createHmac('sha256', random.pick(['', 'null', 'undefined']))
      .update(`${NOW}.`)
      .update(body)
      .digest('hex')}`,
  }),
  'noise for a header': (random, body) => ({
    body,
    header: Array.from({ length: random.below(120) }, () =>
      String.fromCharCode(32 + random.below(95)),
    ).join(''),
  }),
  'an enormous header': (random, body) => ({
    body,
    header: `${'t=1,'.repeat(random.below(500))}${'v1=,'.repeat(random.below(500))}`,
  }),
  'no header': (_, body) => ({ body, header: null }),
};

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();

function aBody(random: Random): Uint8Array {
  const id = `evt_${random.below(1e9)}`;
  // Letters beyond ASCII and an even number of bytes: every change of encoding shows.
  const json = JSON.stringify({ id, object: 'event', type: 'invoice.paid', note: 'Grüße 東京 😀' });
  return Buffer.from(Buffer.byteLength(json) % 2 === 0 ? json : `${json} `);
}

describe('A signature', () => {
  let lab: EngineLab;
  let database: TestDatabase;
  let engine: LabEngine;
  beforeAll(async () => {
    lab = await createEngineLab();
    database = await createTestDatabase('sqlite');
    engine = lab.engine(database, { env: { STRIPE_WEBHOOK_SECRET: SECRETS.join(',') } });
  });
  afterAll(async () => {
    await engine.services.engine.stop();
    await lab.emulator.close();
    await database.drop();
  });

  beforeEach(() => database.clear());

  async function knock({ body, header }: Delivery): Promise<{ status: number; text: string }> {
    const headers = new Headers();
    // HTTP itself has no place for these three.
    if (header !== null) headers.set('stripe-signature', header.replaceAll(/[\0\r\n]/g, ''));
    const url = 'http://localhost/api/webhooks/stripe';
    const response = await engine.handler(
      new Request(url, { method: 'POST', body: Buffer.from(body), headers }),
    );
    return { status: response.status, text: await response.text() };
  }

  it(
    `that is mutated in any way passes never and crashes nothing: ${MUTATIONS} times (seed ${SEED})`,
    { timeout: 60_000 * RUNS },
    async () => {
      const random = randomFrom(SEED);
      const names = Object.keys(MUTATORS);
      const wrong: unknown[] = [];
      for (let i = 0; i < MUTATIONS; i += 1) {
        const name = names[i % names.length]!;
        const delivery = MUTATORS[name]!(random, aBody(random));
        const verdict = verifyStripeSignature(
          { body: delivery.body, header: delivery.header ?? '', receivedAt: NOW },
          SECRETS,
        );
        if (verdict === 'valid') wrong.push({ name, header: delivery.header });
        if (Math.floor(i / names.length) % EVERY !== 0) continue;
        const answer = await knock(delivery);
        if (answer.status !== 400 || !answer.text.includes('invalid_signature')) {
          wrong.push({ name, answer });
        }
      }
      expect(wrong).toEqual([]);
      expect(await database.knex('webhook_events')).toEqual([]);
    },
  );

  it('that is good passes, with either secret, whatever stands beside it', async () => {
    const random = randomFrom(SEED);
    for (const secret of SECRETS) {
      const body = aBody(random);
      const header = `t=${NOW},v0=abc,v1=${'0'.repeat(64)},v1=${signatureOf(signed(body, secret))}`;
      expect(await knock({ body, header })).toMatchObject({ status: 200 });
    }
    expect(await database.knex('webhook_events')).toHaveLength(2);
  });

  it('that was good and comes again later, as a recording would, is stale', async () => {
    const body = aBody(randomFrom(SEED + 1));
    const header = signed(body, SECRETS[0], NOW - 301);
    expect(await knock({ body, header })).toMatchObject({ status: 400 });
  });

  it('is judged the same by the server itself, in one piece or many, under one header or two', async () => {
    const own = await createTestDatabase('sqlite');
    const { services } = lab.engine(own, { env: { PORT: '0' } });
    const server = await startServer(services);
    const body = aBody(randomFrom(SEED + 2));
    const good = signed(body, 'whsec_of_the_engine_lab');
    const forged = signed(body, 'whsec_other');
    const post = (signature: string | string[], chunked: boolean) =>
      new Promise<number>((resolve, reject) => {
        const request = http.request(`${server.url}/api/webhooks/stripe`, {
          method: 'POST',
          headers: {
            'stripe-signature': signature,
            'content-type': 'application/json',
            ...(chunked ? {} : { 'content-length': body.length }),
          },
        });
        request.on('response', (response) => {
          response.resume();
          resolve(response.statusCode!);
        });
        request.on('error', reject);
        for (const byte of chunked ? body : []) request.write(Buffer.of(byte));
        request.end(chunked ? undefined : body);
      });
    for (const chunked of [false, true]) {
      expect(await post(forged, chunked)).toBe(400);
      expect(await post([forged, forged], chunked)).toBe(400);
      // Which of two headers counts must not be for the sender to choose.
      expect(await post([forged, good], chunked)).toBe(400);
      expect(await post([good, forged], chunked)).toBe(400);
    }
    expect(await own.knex('webhook_events')).toEqual([]);
    expect(await post(good, false)).toBe(200);
    expect(await post(good, true)).toBe(200);
    expect(await own.knex('webhook_events')).toHaveLength(1);
    await server.close();
    await own.drop();
  });
});
