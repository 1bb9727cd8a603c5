import { chaosSuite } from './chaos-suite.ts';

chaosSuite('sqlite', { sample: 60, full: 1_000 });
