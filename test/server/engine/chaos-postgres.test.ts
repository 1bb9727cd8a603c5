import { chaosSuite } from './chaos-suite.ts';

chaosSuite('postgres', { sample: 40, full: 200 });
