import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import { invalidRequest, resourceMissing } from '../kernel/errors.ts';
import { idOf } from '../kernel/ids.ts';
import { listStored, nestedList } from '../kernel/lists.ts';
import { p, PAGE } from '../kernel/params.ts';
import type { Registry } from '../kernel/registry.ts';
import { TAX_ID_TYPES } from '../kernel/word-sets.ts';

const given = { type: p.required(p.oneOf(TAX_ID_TYPES)), value: p.required(p.str) };
const owner = p.obj({
  type: p.required(p.oneOf(['account', 'application', 'customer', 'self'])),
  account: p.str,
  customer: p.str,
  customer_account: p.unserved,
});

/** Tax ids: of customers (`/v1/customers/:id/tax_ids`) and of the account (`/v1/tax_ids`). */
export function registerTaxIds(registry: Registry): void {
  registry.post('/v1/customers/:id/tax_ids', given, (ctx, params, { id }) =>
    addTaxId(ctx, ctx.store.need('customer', id).id, params),
  );
  registry.get('/v1/customers/:id/tax_ids', PAGE, (ctx, page, { id }) => {
    const customer = ctx.store.need('customer', id).id;
    return listStored(ctx, 'tax_id', {
      url: `/v1/customers/${id}/tax_ids`,
      page,
      by: ['customer', customer],
    });
  });
  registry.get('/v1/customers/:id/tax_ids/:tax', {}, (ctx, _params, path) =>
    ofCustomer(ctx, path.id, path.tax),
  );
  registry.delete('/v1/customers/:id/tax_ids/:tax', {}, (ctx, _params, path) =>
    removeTaxId(ctx, ofCustomer(ctx, path.id, path.tax)),
  );
  registry.post('/v1/tax_ids', { ...given, owner }, (ctx, params) => {
    const customer = params.owner?.customer ?? null;
    if (customer !== null) ctx.store.need('customer', customer, 'owner[customer]');
    return addTaxId(ctx, customer, params);
  });
  registry.get('/v1/tax_ids', { ...PAGE, owner }, (ctx, params) =>
    listStored(ctx, 'tax_id', {
      url: '/v1/tax_ids',
      page: params,
      where: (taxId) => idOf(taxId.customer) === (params.owner?.customer ?? null),
    }),
  );
  registry.get('/v1/tax_ids/:id', {}, (ctx, _params, { id }) => ctx.store.need('tax_id', id));
  registry.delete('/v1/tax_ids/:id', {}, (ctx, _params, { id }) =>
    removeTaxId(ctx, ctx.store.need('tax_id', id)),
  );
  registry.includable('customer', 'tax_ids', (ctx, id) =>
    nestedList(ctx.store.by('tax_id', 'customer', id).toReversed(), `/v1/customers/${id}/tax_ids`),
  );
}

function ofCustomer(ctx: Context, customer: string, id: string): Stripe.TaxId {
  const taxId = ctx.store.need('tax_id', id);
  if (idOf(taxId.customer) !== customer) throw resourceMissing('tax_id', id);
  return taxId;
}

/** How numbers look of which Stripe checks the form before it asks an authority. */
const FORMS: Record<string, RegExp> = {
  au_abn: /^\d{11}$/,
  ch_vat: /^CHE-?\d{3}\.?\d{3}\.?\d{3}(MWST|TVA|IVA)?$/i,
  eu_vat:
    /^(AT|BE|BG|CY|CZ|DE|DK|EE|EL|ES|FI|FR|HR|HU|IE|IT|LT|LU|LV|MT|NL|PL|PT|RO|SE|SI|SK|XI)[0-9A-Z+*]{7,12}$/i,
  gb_vat: /^(GB)?(\d{9}|\d{12}|GD\d{3}|HA\d{3})$/i,
  no_vat: /^\d{9}MVA$/i,
  us_ein: /^\d{2}-?\d{7}$/,
};

function refuseBadValue({ type, value }: { type: string; value: string }): void {
  const form = FORMS[type];
  if (form === undefined || form.test(value.replaceAll(' ', ''))) return;
  throw invalidRequest(`Invalid value for ${type}.`, { code: 'tax_id_invalid', param: 'value' });
}

/** Adds a tax id to a customer, or to the account itself (null). EU and UK numbers wait for verification, as at Stripe. */
export function addTaxId(
  ctx: Context,
  customer: string | null,
  fields: { type: string; value: string },
): Stripe.TaxId {
  refuseBadValue(fields);
  const verified = fields.type === 'eu_vat' || fields.type === 'gb_vat';
  const taxId = ctx.add('tax_id', {
    id: ctx.store.newId('tax_id'),
    object: 'tax_id',
    country: countryOf(fields),
    created: ctx.nowFor(customer),
    customer,
    customer_account: null,
    livemode: false,
    owner:
      customer === null
        ? { customer_account: null, type: 'self' }
        : { customer, customer_account: null, type: 'customer' },
    type: fields.type,
    value: fields.value,
    verification: {
      status: verified ? 'pending' : 'unavailable',
      verified_address: null,
      verified_name: null,
    },
  });
  if (customer !== null) ctx.emit('customer.tax_id.created', taxId);
  return taxId;
}

function countryOf({ type, value }: { type: string; value: string }): string | null {
  if (type === 'eu_vat' || type === 'eu_oss_vat') return value.slice(0, 2).toUpperCase();
  const prefix = type.split('_')[0] ?? '';
  return prefix.length === 2 ? prefix.toUpperCase() : null;
}

function removeTaxId(ctx: Context, taxId: Stripe.TaxId): Stripe.DeletedTaxId {
  const tombstone = ctx.store.remove('tax_id', taxId.id);
  ctx.account.revision += 1;
  if (taxId.customer !== null) ctx.emit('customer.tax_id.deleted', taxId);
  return tombstone;
}
