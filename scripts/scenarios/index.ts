import { downgrade } from './downgrade.ts';
import { dunning } from './dunning.ts';
import { meteredMonth } from './metered-month.ts';
import { pause } from './pause.ts';
import { portalCancel } from './portal-cancel.ts';
import { recovery } from './recovery.ts';
import { sca } from './sca.ts';
import type { Scenario } from './scenario.ts';
import { trialConverts } from './trial-converts.ts';
import { trialLapses } from './trial-lapses.ts';
import { upgrade } from './upgrade.ts';

/** One for each path of the lifecycle. They share nothing, so any order will do. */
export const SCENARIOS: readonly Scenario[] = [
  trialConverts,
  trialLapses,
  upgrade,
  downgrade,
  dunning,
  recovery,
  sca,
  pause,
  portalCancel,
  meteredMonth,
];
