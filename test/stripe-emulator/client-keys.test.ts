import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Stripe } from 'stripe';
import { emulatedAccount, type EmulatedAccount } from './emulated-account.ts';

let account: EmulatedAccount;
let stripe: Stripe;

beforeAll(async () => {
  account = await emulatedAccount();
  stripe = account.stripe;
});
afterAll(() => account.close());

test('servers get keys and secrets for their pages and apps', async () => {
  const { id: customer } = await stripe.customers.create();
  const key = await stripe.ephemeralKeys.create({ customer }, { apiVersion: '2026-10-28.endive' });
  expect(key.expires - key.created).toBe(3600);
  expect(key.secret).toMatch(/^ek_test_/);
  expect(await stripe.ephemeralKeys.del(key.id)).not.toHaveProperty('secret');
  const session = await stripe.customerSessions.create({
    customer,
    components: { payment_element: { enabled: true } },
  });
  expect(session.client_secret).toMatch(/^cuss_secret_/);
  expect(session.components?.payment_element).toEqual({
    enabled: true,
    features: {
      payment_method_allow_redisplay_filters: ['always'],
      payment_method_redisplay: 'disabled',
      payment_method_redisplay_limit: 3,
      payment_method_remove: 'disabled',
      payment_method_save: 'disabled',
      payment_method_save_usage: null,
    },
  });
});
