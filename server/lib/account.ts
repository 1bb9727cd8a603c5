import { roleOf, type Role } from '../../state/roles.ts';
import type { User } from './services.ts';

/** Who pays: a team, an organisation, or a user for themselves. */
export interface Account {
  id: string;
  name: string | null;
  role: Role;
  /** Whether it is the user alone. */
  personal: boolean;
}

/** The account that a user acts for; without one of its own, a user is their account. */
export function accountOf({ id, name, account }: User): Account {
  if (!account) return { id, name, role: 'owner', personal: true };
  return {
    id: account.id,
    name: account.name ?? null,
    role: roleOf(account.role),
    personal: false,
  };
}
