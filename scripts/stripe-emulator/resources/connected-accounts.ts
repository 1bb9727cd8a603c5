import { mergeMetadata } from '../kernel/metadata.ts';
import { p } from '../kernel/params.ts';
import type { Registry } from '../kernel/registry.ts';

/** Connected accounts, as far as the CLI's triggers need them: made, changed, removed. */
export function registerConnectedAccounts(registry: Registry): void {
  const creation = {
    type: p.oneOf(['custom', 'express', 'standard']),
    country: p.str,
    email: p.str,
    metadata: p.metadata,
    business_type: p.harmless,
    capabilities: p.harmless,
    controller: p.harmless,
  };
  registry.post('/v1/accounts', creation, (ctx, params) =>
    ctx.add('account', {
      id: ctx.store.newId('account'),
      object: 'account',
      charges_enabled: false,
      country: params.country ?? ctx.settings.country,
      created: ctx.now(),
      default_currency: ctx.settings.currency,
      details_submitted: false,
      email: params.email ?? null,
      metadata: mergeMetadata({}, params.metadata),
      payouts_enabled: false,
      type: params.type ?? 'standard',
    }),
  );
  registry.post(
    '/v1/accounts/:id',
    { email: p.str, metadata: p.metadata },
    (ctx, params, { id }) => {
      const account = ctx.store.need('account', id);
      return ctx.update('account', account, {
        event: 'account.updated',
        apply() {
          account.email = params.email ?? account.email;
          account.metadata = mergeMetadata(account.metadata ?? {}, params.metadata);
        },
      });
    },
  );
  registry.delete('/v1/accounts/:id', {}, (ctx, _params, { id }) => {
    const account = ctx.store.need('account', id);
    const tombstone = ctx.store.remove('account', account.id);
    ctx.emit('account.application.deauthorized', {
      id: 'ca_emulator',
      object: 'application',
      name: ctx.settings.businessName,
    });
    return tombstone;
  });
}
