/** Errors whose message is written for the one who typed the command. */
const FOR_PEOPLE: ReadonlySet<string> = new Set([
  'ConfigError',
  'GatewayError',
  'LocalStripeDown',
  'MigrationRefused',
  'OtherStripeAccount',
  'SchemaNotUsedError',
]);

/** An error of a command in one line that says what to do, and the exit code: 2 for a wrong call, else 1. */
export function explain(error: unknown, command: string): { message: string; code: number } {
  if (!(error instanceof Error)) return { message: String(error), code: 1 };
  if (FOR_PEOPLE.has(error.name)) return { message: error.message, code: 1 };
  const code = 'code' in error ? String(error.code) : '';
  const [line = error.name] = error.message.split('\n');
  if (code.startsWith('ERR_PARSE_ARGS')) {
    return {
      message: `${line.replace(/\.? To specify .*|\.?$/, '.')} See ${command} --help.`,
      code: 2,
    };
  }
  // Before the first migration there is no table at all.
  if (code === '42P01' || line.includes('no such table')) {
    const fix = 'start the server once, or run tenure migrate (npm run migrate).';
    return { message: `The database has no tables yet: ${fix}`, code: 1 };
  }
  return { message: `${line}\nTENURE_DEBUG=1 shows where this comes from.`, code: 1 };
}
