/** What became of trials, by the month in which they began. */
import { share, type Figure, type Figures } from './metrics.ts';

/** The trials that began in one month, and what has become of them. */
export interface TrialCohort {
  /** `2026-11` (UTC). */
  month: string;
  started: number;
  converted: number;
  lost: number;
  /** Still running. */
  open: number;
  /** Converted of those that ended; null while none has. */
  conversion: number | null;
}

/** Trials by the month they began in, oldest first; months without any are left out. */
export function trialCohorts(figures: Figures): TrialCohort[] {
  const months = new Map<string, { started: number; converted: number; lost: number }>();
  for (const { day, figure, value } of figures) {
    if (day === 0 || !isTrialFigure(figure)) continue;
    const month = new Date(day).toISOString().slice(0, 7);
    const cohort = months.get(month) ?? { started: 0, converted: 0, lost: 0 };
    cohort[TRIAL_FIELDS[figure]] += value;
    months.set(month, cohort);
  }
  return [...months]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([month, { started, converted, lost }]) => ({
      month,
      started,
      converted,
      lost,
      open: started - converted - lost,
      conversion: share(converted, converted + lost),
    }));
}

const TRIAL_FIELDS = {
  trial_started: 'started',
  trial_converted: 'converted',
  trial_lost: 'lost',
} as const;

function isTrialFigure(figure: Figure): figure is keyof typeof TRIAL_FIELDS {
  return figure in TRIAL_FIELDS;
}
