import { parseArgs } from 'node:util';
import { machineConfig, mermaidDiagram, statelyModule } from '../state/machine-formats.ts';

const HELP = `Prints the state machine of subscriptions, as it is in this release.

  npm run -s machine                       a Mermaid state diagram
  npm run -s machine -- --format stately   a module for the editor of Stately (import from code)
  npm run -s machine -- --format json      the config alone, for createMachine

  --format F  mermaid (default), stately or json
  --help      this text
`;

const FORMATS = { mermaid: mermaidDiagram, stately: statelyModule, json: machineConfig };

const { values } = parseArgs({
  options: {
    format: { type: 'string', default: 'mermaid' },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) process.stdout.write(HELP);
else if (Object.hasOwn(FORMATS, values.format)) {
  process.stdout.write(`${FORMATS[values.format as keyof typeof FORMATS]().trimEnd()}\n`);
} else {
  process.stderr.write(`There is no format "${values.format}": mermaid, stately or json.\n`);
  process.exitCode = 2;
}
