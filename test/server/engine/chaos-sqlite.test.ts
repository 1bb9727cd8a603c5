import { chaosSuite } from './chaos-suite.ts';

chaosSuite('sqlite', 1_000);
