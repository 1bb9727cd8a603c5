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
  fix: string;
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
  warn: (code: string, message: string, fix: string) => void;
  problem: (code: string, message: string, fix: string) => void;
}

/** Collects what a check finds. */
export function reportFor(check: string, found: (finding: Finding) => void): Report {
  return {
    ok: (message) => found({ check, level: 'ok', code: 'ok', message, fix: '' }),
    warn: (code, message, fix) => found({ check, level: 'warning', code, message, fix }),
    problem: (code, message, fix) => found({ check, level: 'problem', code, message, fix }),
  };
}
