import { afterAll, beforeAll, beforeEach } from 'vitest';
import type { Dialect } from '../../db/database.ts';
import { createTestDatabase, type TestDatabase } from './databases.ts';
import {
  createEngineLab,
  type EngineLab,
  type LabEngine,
  type LabEngineOptions,
} from './engine-lab.ts';
import { startSmtpSink, type SmtpSink } from './smtp-sink.ts';

/** For all tests of a file: an emulator with prices, and a mail server. `take` is given both before the first test. */
export function useLabWithMail(take: (lab: EngineLab, smtp: SmtpSink) => void): void {
  let close: () => Promise<unknown> = () => Promise.resolve();
  beforeAll(async () => {
    const [lab, smtp] = await Promise.all([createEngineLab(), startSmtpSink()]);
    close = () => Promise.all([smtp.close(), lab.emulator.close()]);
    take(lab, smtp);
  });
  afterAll(() => close());
}

/**
 * For the tests of a block: a database, given to `take` before the first and emptied before each, and engines on it
 * that are stopped by then. Returns how to make one more; it is not started.
 */
export function useEngines(
  dialect: Dialect,
  lab: () => EngineLab,
  take: (database: TestDatabase) => void,
): (options?: LabEngineOptions) => LabEngine {
  let database: TestDatabase;
  const engines: LabEngine[] = [];
  const stop = () => Promise.all(engines.splice(0).map(({ services }) => services.engine.stop()));
  beforeAll(async () => {
    database = await createTestDatabase(dialect);
    take(database);
  });
  afterAll(async () => {
    await stop();
    await database.drop();
  });
  beforeEach(async () => {
    await stop();
    await database.clear();
  });
  return (options = {}) => {
    const engine = lab().engine(database, options);
    engines.push(engine);
    return engine;
  };
}
