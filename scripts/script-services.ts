import { existsSync } from 'node:fs';
import { userInfo } from 'node:os';
import { recordAudit } from '../db/audit-log.ts';
import { openDatabase, sqliteFile } from '../db/database.ts';
import { createServices } from '../server/app/compose.ts';
import { fillAmounts } from '../server/catalogue/fill-amounts.ts';
import { readTerms } from '../server/catalogue/record-terms.ts';
import { loadConfig } from '../server/config/config.ts';
import { refuseOtherStripe } from '../server/operations/stripe-account.ts';
import type { Services } from '../server/lib/services.ts';
import { scriptEnvironment } from './script-environment.ts';

/**
 * The services for a command that may run beside a server: the deployment is found as `doctor` finds it, nothing is
 * started, and only errors are logged. Close them. Throws as `scriptEnvironment` and `loadConfig` do, and
 * OtherStripeAccount for a database that is not of the key's Stripe account.
 */
export async function scriptServices(dataDir: string): Promise<Services> {
  const { env } = await scriptEnvironment(dataDir);
  const config = loadConfig({ LOG_LEVEL: 'error', ...env });
  const services = createServices(config, { env, engine: { catchUpEvery: 0 } });
  try {
    await refuseOtherStripe(services);
    await readTerms(services.database.knex, services.catalogue);
    // The products of the plans too: a price that no list names is of the plan by its product.
    await fillAmounts(services.catalogue, services);
    return services;
  } catch (error) {
    await services.close();
    throw error;
  }
}

interface ScriptAct {
  action: string;
  target?: string;
  detail?: Record<string, unknown>;
}

/** Notes what was done from a terminal, and by which user of this machine. */
export async function auditScript(
  { database }: Pick<Services, 'database'>,
  act: ScriptAct,
): Promise<void> {
  await recordAudit(database.knex, {
    actor: scriptActor(),
    action: act.action,
    target: act.target ?? null,
    detail: act.detail ?? {},
  });
}

/**
 * The same for a command that needs no database, and may run before there is one. Returns why it could not be noted; null
 * when it was, or when there is none yet.
 */
export async function auditIfPossible(databaseUrl: string, act: ScriptAct): Promise<string | null> {
  if (databaseUrl.startsWith('sqlite:') && !existsSync(sqliteFile(databaseUrl))) return null;
  const database = openDatabase(databaseUrl, { acquireTimeout: 3_000 });
  try {
    if (await database.knex.schema.hasTable('audit_log')) await auditScript({ database }, act);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    await database.close();
  }
}

/** Who runs a command, for the audit log. */
export const scriptActor = () => `cli:${userName()}`;

/** A container's user may have no name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? 'unknown');
  }
}
