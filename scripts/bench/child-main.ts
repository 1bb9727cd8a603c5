import { readFileSync } from 'node:fs';
import type { ChildAnswer, Usage } from './child-process.ts';
import { countedStatements } from './count-statements.ts';

interface Question {
  question: string;
  value?: unknown;
}

/** What a program can be asked besides its usage; `start` comes first, and `stop` last. */
export interface Answers {
  start(settings: never): Promise<unknown>;
  stop(): Promise<unknown>;
  [question: string]: (value: never) => Promise<unknown>;
}

/** The other side of `startChild`: answers questions one after another. */
export function answerAsChild(answers: Answers): void {
  const reply = (message: ChildAnswer, then?: () => void): void => {
    process.send?.(message, undefined, undefined, () => then?.());
  };
  process.on('message', ({ question, value }: Question) => {
    const answer = question === 'usage' ? () => Promise.resolve(usage()) : answers[question];
    if (!answer) {
      reply({ problem: `cannot ${question}` });
      return;
    }
    answer(value as never).then(
      (result) =>
        reply({ answer: result }, question === 'stop' ? () => process.exit(0) : undefined),
      (error: unknown) =>
        reply({ problem: error instanceof Error ? error.message : String(error) }),
    );
  });
  process.on('disconnect', () => process.exit(0));
}

function usage(): Usage {
  const { user, system } = process.cpuUsage();
  return {
    cpu: user + system,
    memory: process.memoryUsage.rss(),
    statements: countedStatements(),
    written: writtenBytes(),
  };
}

function writtenBytes(): number {
  try {
    return Number(/^write_bytes: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}
