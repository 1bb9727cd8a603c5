import { createHmac, randomBytes } from 'node:crypto';

/** An event as Stripe's API answers it. */
export interface StripeEvent {
  id: string;
  type: string;
  created: number;
  data: { object: Record<string, unknown> };
}

export interface HostOptions {
  /** The webhook handler under test. */
  forwardTo: string;
  /** Answers whether a customer is active; `{customer}` and `{user}` stand for their ids. */
  ask: string;
  /** What the handler checks signatures with. */
  secret: string;
  /** How long the handler may take until its answer to the question is right. */
  waitMs: number;
}

/** The program under test, seen from outside: a webhook handler and one question. */
export interface Host {
  /** Sends an event, again as Stripe does unless it was answered with 2xx; resolves with the last status. */
  deliver: (event: StripeEvent) => Promise<number>;
  /** Sends an event whose signature is wrong, once. */
  forge: (event: StripeEvent) => Promise<number>;
  /** Asks until the answer is as expected and stays so; resolves with the last answer. */
  settles: (who: Who, expected: boolean) => Promise<boolean>;
}

export interface Who {
  customer: string;
  user: string;
}

const ATTEMPTS = 4;
const TIMEOUT_MS = 20_000;
/** An answer that is right only for a moment is wrong. */
const STAYS_MS = 250;

export function hostUnderTest(options: HostOptions): Host {
  const post = async (event: StripeEvent, secret: string): Promise<number> => {
    const body = JSON.stringify(event);
    const timestamp = Math.floor(Date.now() / 1000);
    const mac = createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex');
    const response = await fetch(options.forwardTo, {
      method: 'POST',
      headers: {
        'content-type': 'application/json; charset=utf-8',
        'stripe-signature': `t=${timestamp},v1=${mac}`,
      },
      body,
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    await response.body?.cancel();
    return response.status;
  };

  const ask = async ({ customer, user }: Who): Promise<boolean> => {
    const url = options.ask.replaceAll('{customer}', customer).replaceAll('{user}', user);
    const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    return isYes(response.status, await response.text());
  };

  return {
    async deliver(event) {
      let status = 0;
      for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
        if (attempt > 0) await pause(100 * attempt);
        status = await post(event, options.secret).catch(() => 0);
        if (status >= 200 && status < 300) break;
      }
      return status;
    },
    forge: (event) => post(event, `whsec_${randomBytes(16).toString('hex')}`),
    async settles(who, expected) {
      const deadline = Date.now() + options.waitMs;
      for (;;) {
        if ((await ask(who)) === expected) {
          await pause(STAYS_MS);
          if ((await ask(who)) === expected) return expected;
        }
        if (Date.now() > deadline) return !expected;
        await pause(50);
      }
    },
  };
}

/** `true`, `{"active": true}`, `{"allowed": true}` or `{"access": true}` with 2xx; everything else is no. */
export function isYes(status: number, text: string): boolean {
  if (status < 200 || status >= 300) return false;
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    return /^(true|yes|active)$/i.test(text.trim());
  }
  if (typeof answer !== 'object' || answer === null) return answer === true;
  return ['active', 'allowed', 'access'].some(
    (key) => (answer as Record<string, unknown>)[key] === true,
  );
}

export const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
