/** Takes personal data out of Stripe's objects and of acts, and leaves what the history is made of: ids, times, amounts. */

/** Fields of Stripe's objects that are about a customer and not about the sale, wherever they stand. */
const PERSONAL = new Set([
  'account_holder_name',
  'address',
  'billing_details',
  'business_name',
  'comment',
  'custom_fields',
  'customer_account_name',
  'customer_address',
  'customer_details',
  'customer_email',
  'customer_name',
  'customer_phone',
  'customer_shipping',
  'customer_tax_ids',
  'description',
  'footer',
  'collected_information',
  'cardholder_name',
  'email',
  'iban',
  'individual_name',
  'ip',
  'ip_address',
  'last4',
  'name',
  'phone',
  'receipt_email',
  'receipt_url',
  'hosted_invoice_url',
  'invoice_pdf',
  'shipping',
  'shipping_details',
  'user_agent',
]);

/** The same value without personal data; of `metadata` only the named keys stay. */
export function redact(value: unknown, keptMetadata: ReadonlySet<string>): unknown {
  if (Array.isArray(value)) return value.map((each) => redact(each, keptMetadata));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => {
      if (PERSONAL.has(name)) return [name, null];
      return [name, name === 'metadata' ? only(each, keptMetadata) : redact(each, keptMetadata)];
    }),
  );
}

function only(metadata: unknown, kept: ReadonlySet<string>): unknown {
  if (typeof metadata !== 'object' || metadata === null) return metadata;
  return Object.fromEntries(Object.entries(metadata).filter(([name]) => kept.has(name)));
}

/** Words of ours in what an operator did; all other text may have been written about a customer. */
const OWN_WORDS = new Set([
  'account',
  'by',
  'collection',
  'combine',
  'currency',
  'customerId',
  'endsAt',
  'error',
  'features',
  'feature',
  'from',
  'interval',
  'kind',
  'mode',
  'plan',
  'product',
  'replaced',
  'source',
  'to',
  'userId',
  'when',
]);

/** The detail of an act without what was written freely: ids, amounts, times and our own words stay. */
export function redactAct(value: unknown, name = ''): unknown {
  if (typeof value === 'string') return OWN_WORDS.has(name) || isId(value) ? value : null;
  if (Array.isArray(value)) return value.map((each) => redactAct(each, name));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [key, redactAct(each, key)]),
  );
}

/** As Stripe and we make them: `in_1Abc`, `grant_5e0c…`. */
const isId = (text: string) =>
  /^(ch|cn|cs|cus|dp|evt|grant|ii|il|in|mbur|pi|pm|price|prod|promo|re|req|si|sub|sub_sched|usage)_[\w-]+$/.test(
    text,
  );
