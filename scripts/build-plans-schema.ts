/** Writes `docs/plans.schema.json`, with which editors complete and check a plans file: `npm run build:plans-schema`. */
import { writeFileSync } from 'node:fs';
import { plansSchema } from '../server/catalogue/plans-schema.ts';

writeFileSync(new URL('../docs/plans.schema.json', import.meta.url), plansSchema());
process.stdout.write('docs/plans.schema.json is written.\n');
