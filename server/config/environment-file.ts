import { existsSync } from 'node:fs';

/** Reads `.env` of the working directory into the environment; what is set already wins. */
export function loadEnvironmentFile(path = '.env'): void {
  if (existsSync(path)) process.loadEnvFile(path);
}
