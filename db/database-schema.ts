import { type Database, rowsOf } from './database.ts';

/** A schema of our own, as the address says it: whatever opens the address works in it. */
const OPTION = /-c search_path=(\w+)/;

/** The address of a PostgreSQL with a schema in which all tables are. */
export function withSchema(url: string, schema: string | null): string {
  if (schema === null) return url;
  const option = encodeURIComponent(`-c search_path=${schema}`);
  if (/[?&]options=/.test(url)) return url.replace(/([?&]options=)/, `$1${option}%20`);
  return `${url}${url.includes('?') ? '&' : '?'}options=${option}`;
}

/** The schema that the address names; null for that of the role, mostly `public`. */
export function schemaOf(url: string): string | null {
  const [, options = ''] = /[?&]options=([^&#]*)/.exec(url) ?? [];
  return OPTION.exec(decodeURIComponent(options.replaceAll('+', ' ')))?.[1] ?? null;
}

/** What connects to the database does not pass the schema on: the tables would be made beside those of others. */
export class SchemaNotUsedError extends Error {
  override name = 'SchemaNotUsedError';
  constructor(schema: string, cause?: unknown) {
    super(
      `Connections do not work in the schema "${schema}" of DATABASE_SCHEMA. Most likely DATABASE_URL leads to a pooler, which does ` +
        `not pass it on: set it for the role (ALTER ROLE … SET search_path = ${schema}), and let PgBouncer ignore the startup ` +
        'parameter "options" (docs/production.md, "A schema of its own").',
      { cause },
    );
  }
}

/** Makes the schema that the address names, if it is not there, and throws `SchemaNotUsedError` unless connections work in it. */
export async function prepareSchema({ dialect, knex, url }: Database): Promise<void> {
  const schema = dialect === 'postgres' ? schemaOf(url) : null;
  if (schema === null) return;
  const used = async () => {
    const answer: unknown = await knex.raw('SELECT current_schema() AS name');
    return rowsOf<{ name: string | null }>(answer)[0]?.name ?? null;
  };
  if ((await used()) === null) {
    // Made by two at once, one of them is refused.
    await knex.raw('CREATE SCHEMA IF NOT EXISTS ??', [schema]).catch(async (error: unknown) => {
      if ((await used()) !== schema) throw error;
    });
  }
  if ((await used()) !== schema) throw new SchemaNotUsedError(schema);
}

/** Whether a connection was refused because of what it says at its start: a pooler knows no options. */
export function isOptionRefused(url: string, error: unknown): boolean {
  return (
    schemaOf(url) !== null && error instanceof Error && 'code' in error && error.code === '08P01'
  );
}
