import { AccountPanel } from './panel';

export default function Account() {
  return <AccountPanel />;
}
