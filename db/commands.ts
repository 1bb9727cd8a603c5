import { type Db, inChunks } from './database.ts';

/** Who gave a command; the keys of its requests to Stripe name the id. */
export interface CommandRow {
  id: string;
  /** `user:<id>` or `admin`. */
  actor: string;
  account: string | null;
  requestId: string;
}

/** Remembers a command, once. */
export async function recordCommand(db: Db, command: CommandRow): Promise<void> {
  const { id, actor, account, requestId } = command;
  await db('commands')
    .insert({ id, actor, account_id: account, request_id: requestId, created_at: Date.now() })
    .onConflict('id')
    .ignore();
}

/** Those of the commands that are known. */
export async function findCommands(db: Db, ids: string[]): Promise<CommandRow[]> {
  const found: CommandRow[] = [];
  for (const chunk of inChunks(ids)) {
    const rows: { id: string; actor: string; account_id: string | null; request_id: string }[] =
      await db('commands').whereIn('id', chunk);
    found.push(
      ...rows.map(({ id, actor, account_id, request_id }) => ({
        id,
        actor,
        account: account_id,
        requestId: request_id,
      })),
    );
  }
  return found;
}
