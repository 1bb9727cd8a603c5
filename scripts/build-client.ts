/**
 * Writes `adapters/client/api.ts`, the types of the HTTP API for `openapi-fetch`, from the OpenAPI document.
 * Run it after a route has changed: `npm run build:client`. (The usual generator is made of the TypeScript
 * compiler's API, which TypeScript 7 does not have; the document uses a small part of JSON Schema.)
 */
import { writeFileSync } from 'node:fs';
import { clientTypes } from './build-client/types.ts';

const TARGET = new URL('../adapters/client/api.ts', import.meta.url);

writeFileSync(TARGET, await clientTypes());
console.log('adapters/client/api.ts is written.');
