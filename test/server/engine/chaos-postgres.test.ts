import { chaosSuite } from './chaos-suite.ts';

chaosSuite('postgres', { sample: 15, full: 200 });
