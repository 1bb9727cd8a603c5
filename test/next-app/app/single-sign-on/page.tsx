import { billing } from '@/lib/billing';

export default async function SingleSignOn() {
  await billing.requireFeature('sso');
  return <h1>Settings of the single sign-on</h1>;
}
