import { ingest } from './ingest.ts';
import type { Laboratory } from './laboratory.ts';
import type { Row } from './report.ts';

export type FigureName = 'ingest' | 'scale';

/** Every figure, in the order of the report. */
export const FIGURES: Record<FigureName, (lab: Laboratory) => Promise<Row[]>> = {
  ingest,
  scale: async () => [],
};
