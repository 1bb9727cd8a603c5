/**
 * `npm run build`: copies what the compiler leaves behind (styles, icons, the pages' script) to where the compiled
 * program looks for it, in `dist` or the directory that is named.
 */
import { cpSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const [, , target = 'dist'] = process.argv;

for (const room of ['server', 'scripts']) {
  for (const entry of readdirSync(room, { recursive: true, encoding: 'utf8' })) {
    if (/\.(css|svg|js)$/.test(entry)) cpSync(join(room, entry), join(target, room, entry));
  }
}
