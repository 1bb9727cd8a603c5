import { describe, expect, it } from 'vitest';
import { createMachine, transition } from 'xstate';
import {
  allowedEvents,
  lifecycleMachine,
  machineArrows,
  nextState,
  type LifecycleEvent,
} from '../../state/machine.ts';
import { machineConfig, mermaidDiagram, statelyModule } from '../../state/machine-formats.ts';
import { LIFECYCLE_EVENTS, LIFECYCLE_STATES } from '../../state/types.ts';

/** Every event with every outcome that it has anywhere. */
const EVENTS = LIFECYCLE_EVENTS.flatMap((type) =>
  type === 'payment_failed'
    ? [1, 3].map((attempt): LifecycleEvent => ({ type, attempt }))
    : [undefined, ...targetsOf(type)].map((to) => ({ type, to }) as LifecycleEvent),
);

function targetsOf(type: LifecycleEvent['type']) {
  return new Set(machineArrows().flatMap(({ event, to }) => (event === type ? [to] : [])));
}

describe('The machine in the forms of other tools', () => {
  it('is the same machine again when XState reads its config', () => {
    const machine = createMachine(JSON.parse(machineConfig())).provide({
      guards: lifecycleMachine.implementations.guards as object,
    });
    expect(Object.keys(machine.states)).toEqual([...LIFECYCLE_STATES]);
    const differences: object[] = [];
    let moves = 0;
    for (const state of LIFECYCLE_STATES) {
      const snapshot = machine.resolveState({ value: state });
      expect(machine.states[state]?.ownEvents).toEqual(allowedEvents(state));
      for (const event of EVENTS) {
        const [next] = transition(machine, snapshot, event);
        const read = snapshot.can(event) ? next.value : null;
        if (read !== nextState(state, event)) differences.push({ state, event, read });
        if (read !== null) moves += 1;
      }
    }
    expect(differences).toEqual([]);
    expect(moves).toBeGreaterThan(60);
  });

  it('is a module for Stately that holds the same config and nothing else', () => {
    const [, config = ''] =
      /^import \{ createMachine \} from 'xstate';\n\nexport const machine = createMachine\((.*)\);\n$/s.exec(
        statelyModule(),
      ) ?? [];
    expect(JSON.parse(config)).toEqual(JSON.parse(machineConfig()));
    expect(JSON.parse(config)).toMatchObject({ id: 'subscription', initial: 'none' });
  });

  it('has every arrow once in Mermaid, and names every state', () => {
    const [head, start, ...lines] = mermaidDiagram().trimEnd().split('\n');
    expect([head, start]).toEqual(['stateDiagram-v2', '  [*] --> none']);
    const arrows = lines.flatMap((line) => {
      const [, from, to, event] = /^ {2}(\w+) --> (\w+) : (\w+)$/.exec(line) ?? [];
      return from === undefined ? [] : [{ from, to, event }];
    });
    expect(arrows).toEqual(machineArrows().map(({ from, to, event }) => ({ from, to, event })));
    const named = lines.flatMap((line) => /^ {2}(\w+) : .+$/.exec(line)?.[1] ?? []);
    expect(named).toEqual([...LIFECYCLE_STATES]);
    expect(lines).toHaveLength(arrows.length + named.length);
  });
});
