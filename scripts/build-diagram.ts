/**
 * Draws the lifecycle for the documents, from the machine: `docs/images/lifecycle.svg` and the tables of
 * `docs/state-machine.md`. Run it after the machine has changed: `npm run build:diagram`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { lifecycleDiagram } from './build-diagram/diagram.ts';
import { withTables } from './build-diagram/tables.ts';

const docs = new URL('../docs/', import.meta.url);
const page = new URL('state-machine.md', docs);

writeFileSync(new URL('images/lifecycle.svg', docs), lifecycleDiagram());
writeFileSync(page, withTables(readFileSync(page, 'utf8')));
console.log('docs/images/lifecycle.svg and docs/state-machine.md are current.');
