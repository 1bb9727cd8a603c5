import { chaosSuite } from './chaos-suite.ts';

chaosSuite('sqlite', { sample: 21, full: 1_000 });
