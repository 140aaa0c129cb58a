import type { JobTask } from '../api/wire/job.ts';
import type { Local } from './shell.ts';

export interface RescueProgress {
  /** Shows bytes done of bytes to do, with rate and time left since the beginning. */
  update(progress: { readonly bytesDone: number; readonly bytesTotal: number }): void;
  /** The last word; `fact` says why it failed, as '2 damages'. Without a status the task stands as it was. */
  end(status?: 'Completed' | 'Failed', fact?: string): void;
}

const REDRAW_MS = 200;

/** Shows work on a store as one sub task. */
export function rescueProgress({ clock, progress }: Local, taskId: string): RescueProgress {
  const startedAt = clock.now();
  let drawnAt = Number.NEGATIVE_INFINITY;
  let seen: JobTask['strongroom'];
  return {
    update: ({ bytesDone, bytesTotal }) => {
      const now = clock.now();
      seen = { bytesDone, bytesTotal };
      // Having gone through all bytes is not the end: `end` says how that was.
      if (now - drawnAt < REDRAW_MS || bytesDone >= bytesTotal) return;
      drawnAt = now;
      const bytesPerSecond = now > startedAt ? (bytesDone * 1000) / (now - startedAt) : undefined;
      const remainingMs = bytesPerSecond ? ((bytesTotal - bytesDone) / bytesPerSecond) * 1000 : undefined;
      progress.update([{ taskId, status: 'InProgress', strongroom: { ...seen, bytesPerSecond, remainingMs } }]);
    },
    end: (status, fact) => {
      if (status !== undefined) progress.update([{ taskId, status, strongroom: seen, fact }]);
      progress.end();
    },
  };
}
