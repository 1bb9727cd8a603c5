import { gate } from './gate.ts';
import { ingest } from './ingest.ts';
import type { Laboratory } from './laboratory.ts';
import { latency } from './latency.ts';
import { limited, processing } from './processing.ts';
import type { Row } from './report.ts';
import { scale } from './scale.ts';
import { several } from './several.ts';
import { start } from './start.ts';
import { usage } from './usage.ts';

export type FigureName =
  | 'start'
  | 'gate'
  | 'usage'
  | 'ingest'
  | 'latency'
  | 'process'
  | 'limited'
  | 'several'
  | 'scale';

/** Every figure, in the order of the report. */
export const FIGURES: Record<FigureName, (lab: Laboratory) => Promise<Row[]>> = {
  start,
  gate,
  usage,
  ingest,
  latency,
  process: processing,
  limited,
  several,
  scale,
};
