export interface ProgressBar {
  show: (done: number, total: number) => void;
  /** Takes the bar away, so that a line can be printed in its place. */
  clear: () => void;
}

const WIDTH = 30;

/** A bar on stderr; silent when that is not a terminal or when it is not wanted. */
export function progressBar(wanted = true): ProgressBar {
  const { stderr } = process;
  if (!wanted || !stderr.isTTY) return { show: () => undefined, clear: () => undefined };
  return {
    show(done, total) {
      const share = total > 0 ? Math.min(done / total, 1) : 1;
      const filled = Math.round(share * WIDTH);
      const bar = `${'█'.repeat(filled)}${'░'.repeat(WIDTH - filled)}`;
      stderr.write(`\r\x1b[K${bar} ${done} of ${Math.max(done, total)}`);
    },
    clear: () => stderr.write('\r\x1b[K'),
  };
}
