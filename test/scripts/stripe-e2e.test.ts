import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { differences, type Sight } from '../../scripts/e2e/expectation.ts';
import { runScenario, type StepOutcome } from '../../scripts/e2e/run-scenario.ts';
import { startE2eStack, type E2eStack } from '../../scripts/e2e/stack.ts';
import { fillIn, partOf, splitWords } from '../../scripts/e2e/words.ts';
import { SCENARIOS } from '../../scripts/scenarios/index.ts';
import type { Expectation, Scenario } from '../../scripts/scenarios/scenario.ts';
import { shuffled } from '../../scripts/shuffle.ts';
import { SAMPLED } from '../support/sizes.ts';
import { runScript } from './run-script.ts';

/** All ten are played by `npm run stripe:e2e`; these pass most kinds of steps, the first alone in a sample. The guide's test plays `trial-lapses`. */
const REPRESENTATIVE = SAMPLED ? ['recovery'] : ['recovery', 'portal-cancel'];

describe('scenarios of the official CLI', { timeout: 120_000 }, () => {
  let stack: E2eStack;
  beforeAll(async () => {
    stack = await startE2eStack({ sandboxKey: null });
  });
  afterAll(() => stack.close(null));

  const play = async (scenario: Scenario) => {
    const outcomes: StepOutcome[] = [];
    const passed = await runScenario(stack, scenario, (outcome) => outcomes.push(outcome));
    return { passed, outcomes };
  };

  it.each(REPRESENTATIVE)('%s', async (name) => {
    const scenario = SCENARIOS.find((each) => each.name === name)!;
    const { passed, outcomes } = await play(scenario);
    expect(outcomes.map(({ problem }) => problem)).toEqual(scenario.steps.map(() => null));
    expect(passed).toBe(true);
  });

  it('says what was expected, what was seen and how it came to it, and stops there', async () => {
    const [subscribing] = SCENARIOS.filter(({ name }) => name === 'upgrade');
    const steps = subscribing!.steps.slice(0, 1);
    const wrong: Scenario = {
      name: 'wrong',
      title: 'A call that Stripe refuses',
      steps: [
        ...steps,
        { does: 'Subscribes to nothing', cli: ['post /v1/subscriptions -d customer=${customer}'] },
        { does: 'Is never reached', expect: { state: 'active' } },
      ],
    };
    const { passed, outcomes } = await play(wrong);
    expect(passed).toBe(false);
    expect(outcomes).toHaveLength(2);
    expect(outcomes[1]?.problem).toMatch(/^stripe post \/v1\/subscriptions.*items/s);
  });

  it('has every event answered 2xx by the server', () => {
    const answers = stack.listenLog().match(/<--\s+\[\d+\]/g) ?? [];
    expect(answers.length).toBeGreaterThan(20);
    expect(answers.filter((answer) => !answer.includes('[200]'))).toEqual([]);
  });
});

describe('npm run stripe:e2e', { timeout: 60_000 }, () => {
  it('lists one scenario for each path of the lifecycle', async () => {
    const { stdout, code } = await runScript('stripe-e2e', ['--list']);
    expect(code).toBe(0);
    const names = stdout
      .trim()
      .split('\n')
      .map((line) => line.split(' ')[0]);
    expect(names).toEqual(SCENARIOS.map(({ name }) => name));
    expect(new Set(names).size).toBe(10);
  });

  it('refuses a live key, and names the scenarios when asked for another', async () => {
    const live = await runScript('stripe-e2e', ['--live-sandbox'], {
      STRIPE_API_KEY: 'sk_live_0123456789abcdef',
    });
    expect(live).toMatchObject({ code: 1, stdout: '' });
    expect(live.stderr).toContain('Live keys are refused');
    expect(live.stderr).not.toContain('0123456789');
    const unknown = await runScript('stripe-e2e', ['renewal']);
    expect(unknown.code).toBe(1);
    expect(unknown.stderr).toContain('There is no scenario renewal. There are: trial-converts');
  });
});

describe('the words of a scenario', () => {
  it('are split as a shell does, filled in, and kept from answers', () => {
    const words = splitWords(`post /v1/x -d "name=Jenny Rosen" -d 'a[b]=\${id}'`);
    expect(words).toEqual(['post', '/v1/x', '-d', 'name=Jenny Rosen', '-d', 'a[b]=${id}']);
    expect(fillIn('a[b]=${id}', new Map([['id', 'cus_1']]))).toBe('a[b]=cus_1');
    expect(() => fillIn('${other}', new Map())).toThrow('Nothing is known as ${other} yet');
    expect(partOf({ items: { data: [{ id: 'si_1' }] } }, 'items.data.0.id')).toBe('si_1');
    expect(() => partOf({}, 'id')).toThrow('The answer has no id');
  });

  it('are compared with what is so', () => {
    const sight: Sight = {
      subscription: null,
      fresh: [
        {
          event: 'paid',
          from: 'none',
          to: 'active',
          at: '',
          cause: { id: 'evt_1' },
          unexpected: true,
        },
      ],
      invoice: { status: 'open', total: 100 },
      deliveries: 1,
      history: [],
    };
    const expected: Expectation = {
      state: 'active',
      access: 'full',
      history: ['renewed'],
      invoice: { status: 'paid', total: 100 },
    };
    const deliveries = { event: '${event}', times: 2 };
    expect(differences({ ...expected, deliveries, quiet: true }, sight)).toEqual([
      'state none instead of active',
      'access none instead of full',
      'invoice open instead of paid',
      'deliveries 1 instead of 2',
      'paid is new in the history',
      'no renewed in the history',
      'paid was unexpected to the machine',
    ]);
  });

  it('come in an order that a seed repeats', () => {
    const list = Array.from({ length: 10 }, (_, index) => index);
    expect(shuffled(list, 7)).toEqual(shuffled(list, 7));
    expect(shuffled(list, 7)).not.toEqual(shuffled(list, 8));
    expect(shuffled(list, 7).toSorted((a, b) => a - b)).toEqual(list);
  });
});
