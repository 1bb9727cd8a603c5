/** The machine in the forms that other tools read. */
import { lifecycleMachine, machineArrows } from './machine.ts';
import { STATES } from './states.ts';
import { LIFECYCLE_STATES } from './types.ts';

/** The machine as XState's own config: plain JSON, which `createMachine` and Stately's editor take. */
export function machineConfig(): string {
  return JSON.stringify(lifecycleMachine.config, null, 2);
}

/** A module that Stately's editor opens; guards are named, what they ask is in state/machine.ts. */
export function statelyModule(): string {
  return [
    "import { createMachine } from 'xstate';",
    '',
    `export const machine = createMachine(${machineConfig()});`,
    '',
  ].join('\n');
}

/** A Mermaid state diagram, for documents that draw it themselves. */
export function mermaidDiagram(): string {
  const [first] = LIFECYCLE_STATES;
  const states = LIFECYCLE_STATES.map((state) => `  ${state} : ${STATES[state].label}`);
  const arrows = machineArrows().map(({ from, to, event }) => `  ${from} --> ${to} : ${event}`);
  return ['stateDiagram-v2', `  [*] --> ${first}`, ...states, ...arrows, ''].join('\n');
}
