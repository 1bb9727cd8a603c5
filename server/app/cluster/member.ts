import { GATHER_MS, type FromMember, type ToMember } from './messages.ts';
import type { Figures } from '../../lib/metrics.ts';
import type { Run } from '../run-server.ts';

/** Makes a server that runs in one of several processes hear the process that started it. */
export function joinCluster(server: Run): void {
  const { metrics, log } = server.services;
  const waiting = new Map<number, (figures: Figures[]) => void>();
  let lastId = 0;
  let stopping = false;

  const stop = (drain: boolean) => {
    if (stopping) return;
    stopping = true;
    (drain ? server.drain() : server.close()).then(
      () => process.exit(0),
      (error: unknown) => {
        log.error({ err: error }, 'the stop was not clean');
        process.exit(1);
      },
    );
  };

  metrics.gather = () =>
    new Promise((resolve) => {
      const id = (lastId += 1);
      const done = (figures: Figures[]) => {
        clearTimeout(timer);
        waiting.delete(id);
        resolve(figures);
      };
      // The others' answers are late or lost; one's own figures are better than none.
      const alone = () => void metrics.figures().then((own) => done([own]));
      const timer = setTimeout(alone, GATHER_MS + 500);
      waiting.set(id, done);
      tell({ kind: 'gather', id });
    });

  process.on('message', (message: ToMember) => {
    if (message.kind === 'stop') stop(message.drain);
    else if (message.kind === 'gathered') waiting.get(message.id)?.(message.figures);
    else {
      const { id } = message;
      metrics.figures().then(
        (figures) => tell({ kind: 'figures', id, figures }),
        (error: unknown) => log.warn({ err: error }, 'no figures of this process'),
      );
    }
  });
  // Ctrl-C reaches every process of the terminal; the first one says when to stop.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => stop(true));
  tell({ kind: 'ready', url: server.url });
}

function tell(message: FromMember): void {
  if (process.connected) process.send?.(message);
}
