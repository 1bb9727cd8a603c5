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

/** Who pays: a team, an organisation, or a user for themselves. */
export interface Account {
  id: string;
  name: string | null;
  role: Role;
  /** Whether it is the user alone. */
  personal: boolean;
}

/** The account that a user acts for; without one of its own, a user is their account. */
export function accountOf(user: {
  id: string;
  name: string | null;
  account?: { id: string; name?: string | null; role?: string | null } | null;
}): Account {
  const { account } = user;
  if (!account) return { id: user.id, name: user.name, role: 'owner', personal: true };
  const { id, name = null } = account;
  return { id, name, role: roleOf(account.role), personal: false };
}

/** What operators of the dashboard may do, from the least to the most: look, act for a customer, everything. */
export const OPERATOR_ROLES = ['viewer', 'support', 'admin'] as const;
export type OperatorRole = (typeof OPERATOR_ROLES)[number];

/** Who signed in to the dashboard, or holds a token of the admin API. */
export interface Operator {
  name: string;
  role: OperatorRole;
}

/** The operator of ADMIN_TOKEN. */
export const ADMIN: Operator = { name: 'admin', role: 'admin' };

/** A rule of who is an operator: an e-mail address, or `*@domain`, in lower case. */
export interface EmailRule {
  who: string;
  role: OperatorRole;
}

/** The role of an e-mail address: by its own rule, else by that of its domain; null where neither names it. */
export function roleOfEmail(email: string, rules: readonly EmailRule[]): OperatorRole | null {
  const domain = `*${email.slice(email.lastIndexOf('@'))}`;
  const rule = rules.find(({ who }) => who === email) ?? rules.find(({ who }) => who === domain);
  return rule?.role ?? null;
}

/** Whether a role is enough for what needs another. */
export function mayOperate({ role }: Operator, needed: OperatorRole): boolean {
  return OPERATOR_ROLES.indexOf(role) >= OPERATOR_ROLES.indexOf(needed);
}

/** How audit log and history name an operator: never as they name a user or a program. */
export function operatorActor({ name }: Operator): string {
  return name === ADMIN.name ? ADMIN.name : `operator:${name}`;
}
