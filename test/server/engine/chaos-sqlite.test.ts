import { chaosSuite } from './chaos-suite.ts';

chaosSuite('sqlite', { sample: 200, full: 1_000 });
