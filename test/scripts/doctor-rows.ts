/** A row of `subscriptions` whose customer has another live one; its price belongs to no plan. */
export function subscriptionFacts(id: string) {
  const facts = {
    id,
    customerId: 'cus_twice',
    stripeStatus: 'active',
    items: [],
    currency: 'usd',
    createdAt: 1,
  };
  return {
    id,
    customer_id: 'cus_twice',
    state: 'active',
    status: 'active',
    stripe_status: 'active',
    currency: 'usd',
    mrr: 0,
    failed_attempts: 0,
    since: 1,
    duplicate: true,
    facts: JSON.stringify(facts),
    created_at: 1,
    updated_at: 1,
  };
}
