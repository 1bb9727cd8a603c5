/** What people may do with the account that pays for them. */
export const ROLES = ['owner', 'billing', 'member'] as const;
export type Role = (typeof ROLES)[number];

/** The role that a token or a host names, the strongest of several; what is none of ours is no more than a member. */
export function roleOf(named: unknown): Role {
  const names: unknown[] = Array.isArray(named) ? named : [named];
  return ROLES.find((role) => names.includes(role)) ?? 'member';
}

/** Owners and those who see to the billing may do everything. */
export function mayPay(role: Role): boolean {
  return role !== 'member';
}
