import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { withSchema } from '../db/database-schema.ts';
import { openDatabase } from '../db/database.ts';
import { migrate, migrationStatus } from '../db/migrate.ts';
import { loadEnvironmentFile } from '../server/config/environment-file.ts';

const HELP = `Brings the database to this release; others may read and write meanwhile.

  npm run migrate
  npm run migrate -- --status

The server does it at its start, too. Run it ahead where the server's database role may not change tables.

  --status    say what is applied and what is pending, and change nothing; exit 1 when something is pending
  --data DIR  where npm start keeps the local deployment (default: data)
  --json      print {applied, pending, unknown} as one JSON line
  --help      this text
`;

const { values } = parseArgs({
  options: {
    status: { type: 'boolean', default: false },
    data: { type: 'string', default: 'data' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) process.stdout.write(HELP);
else process.exitCode = await main();

async function main(): Promise<number> {
  loadEnvironmentFile();
  const local = `sqlite:${join(values.data, 'tenure.sqlite')}`;
  const url = process.env['DATABASE_URL']?.trim() || local;
  const database = openDatabase(withSchema(url, process.env['DATABASE_SCHEMA']?.trim() || null));
  try {
    if (!values.status) {
      const note = (text: string) => console.error(text);
      const made = await migrate(database, { note });
      if (!values.json) {
        console.log(
          made.length === 0 ? 'The database is up to date.' : `Applied ${made.join(', ')}.`,
        );
      }
    }
    const status = await migrationStatus(database);
    if (values.json) console.log(JSON.stringify(status));
    else if (values.status) {
      console.log(
        `${status.applied.length} applied; pending: ${status.pending.join(', ') || 'none'}.`,
      );
      if (status.unknown.length > 0) {
        console.log(`Of a newer release: ${status.unknown.join(', ')}.`);
      }
    }
    return status.pending.length > 0 ? 1 : 0;
  } finally {
    await database.close();
  }
}
