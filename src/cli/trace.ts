import { printable, type TextStream } from './terminal.ts';

/** What `--debug` prints. Secrets given to `hide` never appear, wherever they turn up. */
export interface Trace {
  line(text: string): void;
  hide(secret: string): void;
}

export const silentTrace: Trace = { line: () => {}, hide: () => {} };

const LINE_MAX_LENGTH = 4000;

export function createTrace(stream: TextStream): Trace {
  const hidden = new Set<string>();
  return {
    hide: (secret) => {
      if (secret === '') return;
      hidden.add(secret);
      hidden.add(encodeURIComponent(secret));
    },
    line: (text) => {
      let shown = text;
      for (const secret of hidden) shown = shown.replaceAll(secret, '***');
      if (shown.length > LINE_MAX_LENGTH) shown = `${shown.slice(0, LINE_MAX_LENGTH)}…`;
      stream.write(`DEBUG: ${printable(shown)}\n`);
    },
  };
}
