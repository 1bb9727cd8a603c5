import type { Figures } from '../../lib/metrics.ts';

/** What a server process tells the one that started it. */
export type FromMember =
  | { kind: 'ready'; url: string }
  /** "What do all of us count?" */
  | { kind: 'gather'; id: number }
  | { kind: 'figures'; id: number; figures: Figures };

/** What it is told. */
export type ToMember =
  | { kind: 'stop'; drain: boolean }
  | { kind: 'figures_wanted'; id: number }
  | { kind: 'gathered'; id: number; figures: Figures[] };

/** How long figures may take; a process that is busier than that is left out. */
export const GATHER_MS = 2_000;
