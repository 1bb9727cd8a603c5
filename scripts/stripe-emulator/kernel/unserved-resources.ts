import { keyOf, type Call } from './call.ts';
import { invalidApiKey, invalidRequest, type ApiError } from './errors.ts';

/** Resources of Stripe's that are not here, by the beginning of their address: a call is told so by name. */
const UNSERVED = [
  'apple_pay',
  'application_fees',
  'apps/secrets',
  'billing/alerts',
  'climate',
  'confirmation_tokens',
  'country_specs',
  'crypto',
  'exchange_rates',
  'file_links',
  'files',
  'financial_connections',
  'forwarding',
  'identity',
  'invoice_rendering_templates',
  'issuing',
  'link_account_sessions',
  'payment_method_configurations',
  'payment_method_domains',
  'payment_records',
  'radar/value_list_items',
  'radar/value_lists',
  'reporting/report_types',
  'sigma',
  'sources',
  'tax/associations',
  'tax/calculations',
  'tax/registrations',
  'tax/settings',
  'tax/transactions',
  'tax_codes',
  'terminal',
  'treasury',
];

/** The resource that an address belongs to, if it is one that is not served. */
const unservedResource = (path: string): string | undefined =>
  UNSERVED.find((name) => path === `/v1/${name}` || path.startsWith(`/v1/${name}/`));

/** The refusal of an address that nothing is at. */
export function unrecognized(call: Call): ApiError {
  if (keyOf(call.request) === null) return invalidApiKey(null);
  const { pathname } = call.url;
  const unserved = unservedResource(pathname);
  if (unserved !== undefined)
    return invalidRequest(`This emulator does not serve /v1/${unserved}.`, { status: 404 });
  const hint = pathname.endsWith('/')
    ? ' If you are trying to list objects, remove the trailing slash. If you are trying to retrieve an object, make sure you passed a valid (non-empty) identifier in your code.'
    : '';
  const message = `Unrecognized request URL (${call.method}: ${pathname}).${hint} Please see https://stripe.com/docs or we can help at https://support.stripe.com/.`;
  return invalidRequest(message, { status: 404 });
}
