import type { JobTask } from '../api/wire/job.ts';
import { endLine, type ProgressStyle, percentOf, plainLine, progressLine, type ShownTask } from './progress.ts';
import { printable, type Terminal, wantsColor } from './terminal.ts';

export interface ProgressPainter {
  /** Draws sub tasks as they are now; a sub task's note stands under its last line. */
  update(tasks: readonly ShownTask[]): void;
  /** Leaves the last state and moves to a fresh line, for messages. */
  end(): void;
}

export const silentPainter: ProgressPainter = { update: () => {}, end: () => {} };

/** On a terminal the running sub tasks are redrawn in place; elsewhere a line appears on every change. */
export function createProgressPainter(terminal: Terminal): ProgressPainter {
  const { stderr, env } = terminal;
  return stderr.isTTY && env.TERM !== 'dumb' ? redrawn(terminal) : lines(terminal);
}

const CLEAR_LINE = '\r\u001B[2K';
const LINE_UP = '\u001B[1A';

function redrawn({ stderr, env }: Terminal): ProgressPainter {
  let drawn = 0;
  const ended = new Set<string>();
  const notes = new Set<string>();
  const style = (): ProgressStyle => ({
    // One column is left free: a line that fills the last one wraps on some terminals.
    width: Math.max((stderr.columns || 80) - 1, 10),
    color: wantsColor(stderr, env),
    unicode: /utf-?8/i.test(env.LC_ALL || env.LC_CTYPE || env.LANG || ''),
  });
  const clear = () => (drawn === 0 ? '' : CLEAR_LINE + (LINE_UP + CLEAR_LINE).repeat(drawn - 1));
  return {
    update: (tasks) => {
      const how = style();
      const above = tasks.flatMap((task, at) => [
        ...(isOver(task) && isNew(ended, `${at} ${task.taskId}`) ? [endLine(task, how)] : []),
        ...newNote(task, at, notes),
      ]);
      const running = tasks.filter((task) => task.status === 'InProgress');
      stderr.write(
        clear() + above.map((line) => `${line}\n`).join('') + running.map((task) => progressLine(task, how)).join('\n'),
      );
      drawn = running.length;
    },
    end: () => {
      if (drawn > 0) stderr.write('\n');
      drawn = 0;
    },
  };
}

function lines({ stderr }: Terminal): ProgressPainter {
  const said = new Set<string>();
  const notes = new Set<string>();
  return {
    update: (tasks) => {
      tasks.forEach((task, at) => {
        if (task.status === 'NotStarted') return;
        const step = Math.floor((percentOf(task) ?? 0) / 10);
        const key = isOver(task) ? task.status : `${task.status} ${step}`;
        if (isNew(said, `${at} ${task.taskId} ${key}`)) stderr.write(`${plainLine(task)}\n`);
        for (const note of newNote(task, at, notes)) stderr.write(`${note}\n`);
      });
    },
    end: () => {},
  };
}

const isOver = (task: JobTask): boolean => task.status !== 'InProgress' && task.status !== 'NotStarted';

function isNew(seen: Set<string>, key: string): boolean {
  if (seen.has(key)) return false;
  seen.add(key);
  return true;
}

/** What the reader should know of a sub task, below the line that says how it ended. */
function newNote(task: JobTask, at: number, seen: Set<string>): string[] {
  const note = task.strongroom?.note;
  return isOver(task) && note && isNew(seen, `${at} ${note}`) ? [`  ${printable(note)}`] : [];
}
