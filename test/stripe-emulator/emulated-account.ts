import { randomBytes } from 'node:crypto';
import { Stripe } from 'stripe';
import { startEmulator, type RunningEmulator } from '../../scripts/stripe-emulator/index.ts';

/** One running emulator with an account of its own, seen through the real SDK. */
export interface EmulatedAccount {
  emulator: RunningEmulator;
  stripe: Stripe;
  key: string;
  /** The types of all events so far, oldest first. */
  eventTypes: () => Promise<string[]>;
  /** A call as the official CLI makes it: no version, bracketed form. */
  cli: (
    path: string,
    form: Record<string, string>,
  ) => Promise<{ status: number; body: Record<string, unknown> }>;
  close: () => Promise<void>;
}

export async function emulatedAccount(): Promise<EmulatedAccount> {
  const emulator = await startEmulator({ port: 0 });
  const key = `sk_test_${randomBytes(8).toString('hex')}`;
  const stripe = new Stripe(key, {
    host: '127.0.0.1',
    port: emulator.port,
    protocol: 'http',
    telemetry: false,
  });
  return {
    emulator,
    stripe,
    key,
    async eventTypes() {
      const events = await stripe.events.list({ limit: 100 }).autoPagingToArray({ limit: 10_000 });
      return events.map((event) => event.type).toReversed();
    },
    async cli(path, form) {
      const headers = {
        Authorization: `Bearer ${key}`,
        'Content-Type': 'application/x-www-form-urlencoded',
      };
      const answer = await fetch(`${emulator.url}${path}`, {
        method: 'POST',
        headers,
        body: new URLSearchParams(form),
      });
      const body: Record<string, unknown> = JSON.parse(await answer.text());
      return { status: answer.status, body };
    },
    close: emulator.close,
  };
}

/** The error that a call must end in. */
export async function refusal(
  call: Promise<unknown>,
): Promise<InstanceType<typeof Stripe.errors.StripeError>> {
  try {
    await call;
  } catch (error) {
    if (error instanceof Stripe.errors.StripeError) return error;
    throw error;
  }
  throw new Error('the call was expected to fail');
}

/** Posts a form of a hosted page, as a browser does, without following the redirect. */
export async function postForm(
  url: string,
  form: Record<string, string>,
): Promise<{ status: number; location: string; text: string }> {
  const answer = await fetch(url, {
    method: 'POST',
    redirect: 'manual',
    body: new URLSearchParams(form),
  });
  return {
    status: answer.status,
    location: answer.headers.get('location') ?? '',
    text: await answer.text(),
  };
}

/** Opens a hosted page without following redirects. */
export async function openPage(
  url: string,
): Promise<{ status: number; location: string; text: string; headers: Headers }> {
  const answer = await fetch(url, { redirect: 'manual' });
  return {
    status: answer.status,
    location: answer.headers.get('location') ?? '',
    text: await answer.text(),
    headers: answer.headers,
  };
}

/** What a person types to pay with a test card. */
export const typedCard = (number: string) => ({
  email: 'ada@example.test',
  name: 'Ada',
  number,
  expiry: '12/34',
  cvc: '123',
});

/** The id of a reference that the SDK types as maybe expanded. */
export function idIn(reference: string | { id: string } | null | undefined): string {
  if (reference === null || reference === undefined) throw new Error('there is no reference');
  return typeof reference === 'string' ? reference : reference.id;
}
