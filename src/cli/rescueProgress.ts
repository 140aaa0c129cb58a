import type { Local } from './shell.ts';

export type BytesProgress = (progress: { readonly bytesDone: number; readonly bytesTotal: number }) => void;

const REDRAW_MS = 200;

/** Shows bytes done of bytes to do as one running sub task, with rate and time left since its beginning. */
export function rescueProgress({ clock, progress }: Local, title: string): BytesProgress {
  const startedAt = clock.now();
  let drawnAt = Number.NEGATIVE_INFINITY;
  return ({ bytesDone, bytesTotal }) => {
    const now = clock.now();
    if (now - drawnAt < REDRAW_MS && bytesDone < bytesTotal) return;
    drawnAt = now;
    const bytesPerSecond = now > startedAt ? (bytesDone * 1000) / (now - startedAt) : undefined;
    const remainingMs = bytesPerSecond ? ((bytesTotal - bytesDone) / bytesPerSecond) * 1000 : undefined;
    const status = bytesDone >= bytesTotal ? 'Completed' : 'InProgress';
    progress.update([{ taskId: title, status, strongroom: { bytesDone, bytesTotal, bytesPerSecond, remainingMs } }]);
  };
}
