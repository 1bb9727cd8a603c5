/** What a grant gives. */
export interface GrantTerms {
  /** A whole plan, with its features and limits; null for none. */
  plan: string | null;
  features: string[];
  /** null means unlimited. */
  limits: Record<string, number | null>;
  /** Whether the limits are added to those that the account has, or the better one counts. */
  combine: 'best' | 'add';
}
