import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../../server/config/config.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';
import { newPerson, PRO, refusal } from '../billing/person.ts';

const SHOP = 'https://shop.example.com';

describe('C-10: the page of Checkout', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({
      database: 'sqlite',
      env: {
        APP_URL: 'https://app.example.com',
        CHECKOUT_ORIGINS: `${SHOP}, https://other.example.com:8443`,
        CHECKOUT_PROMOTION_CODES: 'true',
        CHECKOUT_TAX_IDS: 'true',
      },
    });
  });
  afterAll(() => server.close());
  const sessionOf = (id: unknown) => server.stripe.checkout.sessions.retrieve(String(id));

  it('takes a language, places to go back to, and metadata, and asks for codes and tax ids where that is set', async () => {
    const person = newPerson(server);
    const wish = {
      ...PRO,
      locale: 'de',
      successUrl: `${SHOP}/thanks?session={CHECKOUT_SESSION_ID}`,
      cancelUrl: 'https://app.example.com/pricing',
      metadata: { campaign: 'spring' },
    };
    const { json, status } = await person.post('checkout', wish);
    expect(status).toBe(200);
    const session = await sessionOf(json['sessionId']);
    expect(session).toMatchObject({
      locale: 'de',
      success_url: wish.successUrl,
      cancel_url: wish.cancelUrl,
      allow_promotion_codes: true,
      tax_id_collection: { enabled: true },
      metadata: { campaign: 'spring', user_id: person.id },
    });
    // The same wish is the same page, and another place to go to is another page.
    expect((await person.post('checkout', wish)).json['sessionId']).toBe(json['sessionId']);
    const other = await person.post('checkout', { ...wish, successUrl: `${SHOP}/other` });
    expect(other.json['sessionId']).not.toBe(json['sessionId']);
    expect((await sessionOf(json['sessionId'])).status).toBe('expired');
  });

  it('leads to no origin that is not allowed, and never takes our own keys as metadata', async () => {
    const person = newPerson(server);
    const refused = async (more: object) =>
      refusal(await person.post('checkout', { ...PRO, ...more }));
    for (const successUrl of [
      'https://evil.example.com/thanks',
      `${SHOP}.evil.example.com/`,
      'http://shop.example.com/',
      'https://other.example.com/',
      'https://user:password@shop.example.com/',
      'https://shop.example.com@evil.example.com/',
      'javascript:alert(1)',
      '/thanks',
    ]) {
      expect(await refused({ successUrl }), successUrl).toEqual([400, 'invalid_request']);
      expect(await refused({ cancelUrl: successUrl }), successUrl).toEqual([
        400,
        'invalid_request',
      ]);
    }
    expect(await refused({ metadata: { user_id: 'other' } })).toEqual([400, 'invalid_request']);
    expect(await refused({ metadata: { wish: 'other' } })).toEqual([400, 'invalid_request']);
    expect(await refused({ metadata: { text: 'x'.repeat(501) } })).toEqual([
      400,
      'invalid_request',
    ]);
    expect(await refused({ locale: 'klingon' })).toEqual([400, 'invalid_request']);
  });

  it('is asked for with no code beside one that is there', async () => {
    const coupon = await server.stripe.coupons.create({ percent_off: 10, duration: 'forever' });
    await server.stripe.promotionCodes.create({
      promotion: { type: 'coupon', coupon: coupon.id },
      code: 'TEN',
    });
    const person = newPerson(server);
    const { json } = await person.post('checkout', { ...PRO, promotionCode: 'TEN' });
    expect((await sessionOf(json['sessionId'])).allow_promotion_codes).not.toBe(true);
  });

  it('has origins that are checked at the start', () => {
    const start = (CHECKOUT_ORIGINS: string) => () =>
      loadConfig({ ...server.env, CHECKOUT_ORIGINS });
    expect(start('https://shop.example.com/path')).toThrow(/CHECKOUT_ORIGINS/);
    expect(start('shop.example.com')).toThrow(/CHECKOUT_ORIGINS/);
    expect(start('*')).toThrow(/CHECKOUT_ORIGINS/);
    expect(start(SHOP)).not.toThrow();
  });
});
