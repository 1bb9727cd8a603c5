import { createHash, timingSafeEqual } from 'node:crypto';
import { ADMIN, roleOfEmail, type Operator } from '../../state/roles.ts';
import type { Config } from '../config/config.ts';
import { bearerToken } from './authenticate.ts';

/** The operator with an e-mail address that the OpenID provider vouches for; null for no one's. */
export function operatorOfEmail(email: string, { oidc }: Pick<Config, 'oidc'>): Operator | null {
  const role = oidc === null ? null : roleOfEmail(email, oidc.operators);
  return role === null ? null : { name: email, role };
}

type Tokens = Pick<Config, 'adminToken' | 'formerAdminTokens' | 'operators'>;

/**
 * Whose token a text is; null for no one's. ADMIN_TOKEN, and the one before while it is replaced, are the operator `admin`.
 * Every token is compared, each in constant time.
 */
export function operatorOfToken(given: string, tokens: Tokens): Operator | null {
  const hash = sha256(given);
  const { adminToken, formerAdminTokens, operators } = tokens;
  const known = [
    ...(adminToken === null ? [] : [adminToken, ...formerAdminTokens]).map((token) => ({
      operator: ADMIN,
      hash: sha256(token),
    })),
    ...operators.map(({ name, role, tokenHash }) => ({
      operator: { name, role },
      hash: Buffer.from(tokenHash, 'hex'),
    })),
  ];
  const fitting = known.filter((each) => timingSafeEqual(hash, each.hash));
  return fitting[0]?.operator ?? null;
}

/** The operator whose token a request carries. */
export function operatorOfRequest(request: Request, tokens: Tokens): Operator | null {
  const given = bearerToken(request);
  return given === null ? null : operatorOfToken(given, tokens);
}

function sha256(value: string): Buffer {
  return createHash('sha256').update(value).digest();
}
