import { describe, expect, it } from 'vitest';
import { chartGraph } from '../../server/admin/pages/chart-graph.ts';
import { chartLayout } from '../../server/admin/pages/chart-layout.ts';
import { stateChart } from '../../server/admin/pages/chart.ts';
import { lifecycleShape } from '../../server/admin/pages/lifecycle-shape.ts';
import { machineArrows } from '../../state/machine.ts';
import { LIFECYCLE_STATES } from '../../state/types.ts';

const draw = (data: Partial<Parameters<typeof stateChart>[1]>): string =>
  stateChart(chartLayout, {
    counts: {},
    traffic: [],
    window: '24 hours',
    windowKey: '24h',
    ...data,
  }).markup;

describe('The state chart', () => {
  it('is laid out from the machine as it is now (else: npm run build:chart)', () => {
    const graph = chartGraph(lifecycleShape());
    expect(chartLayout.nodes.map(({ state }) => state)).toEqual(graph.states);
    expect(chartLayout.groups.map(({ id, title, members }) => ({ id, title, members }))).toEqual(
      graph.groups,
    );
    expect(
      chartLayout.edges.map(({ id, source, target, arrows }) => ({ id, source, target, arrows })),
    ).toEqual(graph.edges);
  });

  it('has every state and every arrow of the machine once', () => {
    const loops = chartLayout.nodes.flatMap(({ state, loops: events }) =>
      events.map((event) => ({ from: state, to: state, event })),
    );
    const drawn = [...chartLayout.edges.flatMap((edge) => edge.arrows), ...loops];
    const key = ({ from, to, event }: (typeof drawn)[number]): string => `${from}>${to}>${event}`;
    expect(drawn.map((arrow) => key(arrow)).sort()).toEqual(
      machineArrows()
        .map((arrow) => key(arrow))
        .sort(),
    );
    const svg = draw({});
    for (const { from, to, event } of machineArrows())
      expect(svg).toContain(`${from}&gt;${to}&gt;${event}`);
    for (const state of LIFECYCLE_STATES.filter((name) => name !== 'none')) {
      expect(svg).toContain(`data-state="${state}"`);
    }
  });

  it('keeps every box, label and line inside its frame, and boxes apart', () => {
    const boxes = [...chartLayout.nodes, ...chartLayout.edges.map((edge) => edge.label)];
    for (const box of boxes) {
      expect(box.x).toBeGreaterThanOrEqual(0);
      expect(box.y).toBeGreaterThanOrEqual(0);
      expect(box.x + box.width).toBeLessThanOrEqual(chartLayout.width);
      expect(box.y + box.height).toBeLessThanOrEqual(chartLayout.height);
    }
    boxes.forEach((a, index) => {
      for (const b of boxes.slice(index + 1)) {
        const apart =
          a.x + a.width <= b.x ||
          b.x + b.width <= a.x ||
          a.y + a.height <= b.y ||
          b.y + b.height <= a.y;
        expect(apart, JSON.stringify([a, b])).toBe(true);
      }
    });
  });

  it('shows counts, traffic, and the way of one subscription with numbered steps', () => {
    const arrow = { from: 'active', to: 'past_due', event: 'payment_failed' } as const;
    const svg = draw({ counts: { active: 8214 }, traffic: [{ ...arrow, count: 26 }] });
    expect(svg).toMatch(/data-count="active"\s*>8,214</);
    expect(svg).toMatch(/data-entered="past_due">\+26</);
    const path = draw({
      path: { steps: [{ from: 'none', to: 'active', event: 'paid' }, arrow], here: 'past_due' },
    });
    expect(path.match(/class="step"/g)).toHaveLength(2);
    expect(path).toMatch(/class="node here"\s+href="[^"]+past_due"/);
  });

  it('draws a step that the machine does not have as a line of its own', () => {
    const steps = [{ from: 'unpaid', to: 'trialing', event: 'trial_started' } as const];
    expect(draw({ path: { steps, here: 'trialing' } })).toContain('stray');
  });
});
