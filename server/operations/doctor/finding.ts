import type { StripeGateway } from '../../../adapters/stripe-gateway.ts';
import type { Database } from '../../../db/database.ts';
import type { Catalogue } from '../../../state/catalogue.ts';
import type { PlanFile } from '../../catalogue/plan-file.ts';
import type { Config } from '../../config/config.ts';

export type Level = 'ok' | 'warning' | 'problem';

/** What a check has found: what is so, and for all but `ok` what to do about it. */
export interface Finding {
  check: string;
  level: Level;
  /** Stable, for programs. */
  code: string;
  message: string;
  mend: string;
}

/** What the checks look at. */
export interface Examination {
  config: Config;
  catalogue: Catalogue;
  plans: PlanFile;
  stripe: StripeGateway;
  database: Database;
  /** Where Stripe is meant to deliver events. */
  webhookUrl: string;
  /** Real time of this machine, in ms. */
  now: () => number;
  found: (finding: Finding) => void;
}

/** The findings of one check, with its name filled in. */
export interface Report {
  ok: (message: string) => void;
  warn: (code: string, message: string, mend: string) => void;
  problem: (code: string, message: string, mend: string) => void;
}

/** Collects what a check finds. */
export function reportFor(check: string, found: (finding: Finding) => void): Report {
  return {
    ok: (message) => found({ check, level: 'ok', code: 'ok', message, mend: '' }),
    warn: (code, message, mend) => found({ check, level: 'warning', code, message, mend }),
    problem: (code, message, mend) => found({ check, level: 'problem', code, message, mend }),
  };
}
