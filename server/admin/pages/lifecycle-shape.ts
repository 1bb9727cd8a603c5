import { machineArrows } from '../../../state/machine.ts';
import { STATES } from '../../../state/states.ts';
import { LIFECYCLE_STATES } from '../../../state/types.ts';
import type { MachineShape } from './chart-graph.ts';

/** The lifecycle machine as the chart sees it. */
export function lifecycleShape(): MachineShape {
  return {
    states: LIFECYCLE_STATES,
    arrows: machineArrows(),
    groupOf: (state) => STATES[state].group,
  };
}
