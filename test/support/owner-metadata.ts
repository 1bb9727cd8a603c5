/** What this server writes on a subscription that it makes; the account is named after the customer. */
export const ownerMetadata = (customerId: string, deployment = 'tenure') => ({
  user_id: `user_of_${customerId}`,
  tenure_account: `user_of_${customerId}`,
  tenure_deployment: deployment,
});
