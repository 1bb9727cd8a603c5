import type { TestServer } from '../../support/server.ts';

/** A call that the server made to Stripe; ids in the path are `*`. */
export interface StripeCall {
  method: string;
  path: string;
}

/** One fault at Stripe: the call fails before it is handled, or its answer is lost after. */
export interface Trouble {
  call: StripeCall;
  /** How many calls of this kind pass unharmed first. */
  skip: number;
  when: 'before' | 'after';
  /** Default once. */
  times?: number;
}

interface LoggedRequest {
  id: string;
  method: string;
  path: string;
  requestBody: string;
}

/** The switches of the emulator for the account of one server. */
export function stripeSwitches(server: TestServer) {
  const headers = {
    authorization: `Bearer ${server.env['STRIPE_SECRET_KEY']}`,
    'content-type': 'application/json',
  };
  const ask = async (method: string, path: string, body?: object): Promise<unknown> => {
    const init = { method, headers, body: body && JSON.stringify(body) };
    const response = await fetch(`${server.emulator.url}/_emulator/${path}`, init);
    if (!response.ok) throw new Error(await response.text());
    return response.json();
  };
  const requests = async () => ((await ask('GET', 'requests')) as { data: LoggedRequest[] }).data;

  return {
    /** What the latest POST to a path said. */
    lastBody: async (path: string) => {
      const found = (await requests()).find((each) => each.method === 'POST' && each.path === path);
      return new URLSearchParams(found?.requestBody);
    },
    settings: (changes: object) => ask('POST', 'settings', changes),
    /** The bank asks for the money of a charge back. */
    dispute: (charge: string) => ask('POST', 'disputes', { charge }),
    /** Nothing that happens is told by webhook, or nothing of these types. */
    silence: async (...types: string[]) => {
      for (const events of types.length > 0 ? types : ['*'])
        await ask('POST', 'faults', { type: 'webhook_drop', events });
    },
    /** Takes all faults off. */
    calm: () => ask('DELETE', 'faults'),
    /** This share of the webhooks never arrives. */
    lose: (probability: number) => ask('POST', 'faults', { type: 'webhook_drop', probability }),
    /** No webhook arrives, until it is ended. */
    async drop(): Promise<{ end: () => Promise<unknown> }> {
      const fault = (await ask('POST', 'faults', { type: 'webhook_drop' })) as { id: string };
      return { end: () => ask('DELETE', `faults/${fault.id}`) };
    },
    /** Webhooks come out of order, and some of them twice. */
    rough: async () => {
      await ask('POST', 'faults', { type: 'webhook_duplicate', copies: 2, probability: 0.2 });
      await ask('POST', 'faults', { type: 'webhook_shuffle', ms: 40 });
    },
    /** Breaks one call while `run` runs. The error is kept under its idempotency key, as Stripe keeps it. */
    async during<T>({ call, skip, when, times = 1 }: Trouble, run: () => Promise<T>): Promise<T> {
      const rule = { type: 'error', ...call, skip, when, times, keep: true };
      const fault = (await ask('POST', 'faults', rule)) as { id: string };
      try {
        return await run();
      } finally {
        await ask('DELETE', `faults/${fault.id}`);
      }
    },
    /** The calls made while `run` ran, in order. The test clock is asked by the way, at any time. */
    async callsOf(run: () => Promise<unknown>): Promise<StripeCall[]> {
      const last = (await requests())[0]?.id;
      await run();
      const all = await requests();
      const made = all.slice(
        0,
        all.findIndex(({ id }) => id === last),
      );
      return made
        .filter(({ path }) => !path.includes('/test_clocks/'))
        .map(({ method, path }) => ({ method, path: path.replaceAll(/\/[a-z]+_[^/]{6,}/g, '/*') }))
        .toReversed();
    },
  };
}

/** Each trouble that may befall these calls: every call before its work, and every write after it. */
export function troublesOf(calls: StripeCall[]): Trouble[] {
  return calls.flatMap((call, i) => {
    const skip = calls.slice(0, i).filter((earlier) => isMet(call, earlier)).length;
    const kinds = call.method === 'GET' ? (['before'] as const) : (['before', 'after'] as const);
    return kinds.map((when) => ({ call, skip, when }));
  });
}

/** Whether the pattern of one call meets another, as the emulator compares them. */
function isMet(pattern: StripeCall, call: StripeCall): boolean {
  const expression = new RegExp(`^${pattern.path.split('*').join('.*')}$`);
  return pattern.method === call.method && expression.test(call.path);
}
