import { styleText } from 'node:util';
import type { Job, JobTask } from '../api/wire/job.ts';
import { formatBytes, formatDuration, parseDurationMs } from './duration.ts';
import { printable } from './terminal.ts';

/** How progress may be drawn. */
export interface ProgressStyle {
  /** Characters a line may take. */
  readonly width: number;
  readonly color: boolean;
  /** Block characters; otherwise ASCII. */
  readonly unicode: boolean;
}

const BAR_MAX_WIDTH = 30;
const BAR_MIN_WIDTH = 8;
const TITLE_MIN_WIDTH = 8;

/** One line of at most `width` characters for a running sub task: title, bar, percent, bytes, rate, time left. */
export function progressLine(task: JobTask, style: ProgressStyle): string {
  const percent = percentOf(task);
  const { bytesDone, bytesTotal, bytesPerSecond, remainingMs } = task.strongroom ?? {};
  const extras = [
    percent === undefined ? '' : `${String(Math.floor(percent)).padStart(3)} %`,
    remainingMs === undefined ? '' : `${formatDuration(remainingMs)} left`,
    bytesDone === undefined ? '' : bytesText(bytesDone, bytesTotal),
    bytesPerSecond === undefined ? '' : `${formatBytes(bytesPerSecond)}/s`,
  ].filter((text) => text !== '');
  const title = printable(task.taskId);
  // What matters least goes first when the terminal is narrow: rate, bytes, bar, the title's end, time left.
  const needed = percent === undefined ? 0 : 1;
  let shown = extras;
  while (shown.length > 2 && title.length + width(shown) + BAR_MIN_WIDTH + 2 > style.width) shown = shown.slice(0, -1);
  while (shown.length > needed && width(shown) + TITLE_MIN_WIDTH > style.width) shown = shown.slice(0, -1);
  const titleRoom = Math.max(style.width - width(shown), 1);
  const barRoom = titleRoom - title.length - 2;
  const bar = percent !== undefined && barRoom >= BAR_MIN_WIDTH ? [drawBar(percent, barRoom, style)] : [];
  return [cut(title, titleRoom), ...bar, ...shown].join('  ');
}

const width = (texts: readonly string[]): number => texts.reduce((sum, text) => sum + text.length + 2, 0);

const cut = (text: string, room: number): string =>
  text.length <= room ? text : `${text.slice(0, Math.max(room - 1, 0))}…`;

const bytesText = (done: number, total: number | undefined): string =>
  total === undefined ? formatBytes(done) : `${formatBytes(done)} of ${formatBytes(total)}`;

/** 0 to 100, from the bytes when they are known. */
export function percentOf(task: JobTask): number | undefined {
  const { bytesDone, bytesTotal } = task.strongroom ?? {};
  const percent = bytesDone !== undefined && bytesTotal ? (bytesDone / bytesTotal) * 100 : task.progressPercentage;
  return percent === undefined ? undefined : Math.min(Math.max(percent, 0), 100);
}

function drawBar(percent: number, room: number, { color, unicode }: ProgressStyle): string {
  const cells = Math.min(room, BAR_MAX_WIDTH);
  const full = Math.floor((percent / 100) * cells);
  const [done, open] = unicode ? ['█', '░'] : ['#', '-'];
  const paint = (text: string, how: 'green' | 'dim') =>
    color ? styleText(how, text, { validateStream: false }) : text;
  return paint((done as string).repeat(full), 'green') + paint((open as string).repeat(cells - full), 'dim');
}

const MARKS = {
  Completed: ['✔', 'ok', 'green'],
  Skipped: ['–', '-', 'dim'],
  Failed: ['✖', 'x', 'red'],
  Cancelled: ['✖', 'x', 'yellow'],
  NotStarted: [' ', ' ', 'dim'],
  InProgress: ['…', '..', 'cyan'],
} as const;

/** A sub task, and what else its last line is to say. */
export interface ShownTask extends JobTask {
  readonly fact?: string | undefined;
}

/** The last word on a sub task: mark, title, status, bytes, how long it took. */
export function endLine(task: ShownTask, { color, unicode }: Pick<ProgressStyle, 'color' | 'unicode'>): string {
  const [mark, ascii, paint] = MARKS[task.status] ?? MARKS.InProgress;
  const durationMs = task.duration === undefined ? undefined : parseDurationMs(task.duration);
  const { bytesDone } = task.strongroom ?? {};
  const facts = [
    task.status.toLowerCase(),
    task.fact ?? '',
    bytesDone === undefined ? '' : formatBytes(bytesDone),
    durationMs === undefined || task.status === 'Skipped' ? '' : formatDuration(durationMs),
  ];
  const sign = unicode ? mark : ascii;
  const painted = color ? styleText(paint, sign, { validateStream: false }) : sign;
  return `${painted} ${printable(task.taskId)}: ${facts.filter((fact) => fact !== '').join(', ')}`;
}

/** A line for a log: the sub task in words. */
export function plainLine(task: ShownTask): string {
  if (task.status !== 'InProgress') return endLine(task, { color: false, unicode: false });
  const percent = percentOf(task);
  const { bytesDone, bytesTotal } = task.strongroom ?? {};
  const facts = [
    percent === undefined ? 'in progress' : `${Math.floor(percent)} %`,
    bytesDone === undefined ? '' : bytesText(bytesDone, bytesTotal),
  ];
  return `.. ${printable(task.taskId)}: ${facts.filter((fact) => fact !== '').join(', ')}`;
}

export const tasksOf = (job: Job): readonly JobTask[] => job.properties.extendedInfo?.tasksList ?? [];
