import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JobTask } from '../api/wire/job.ts';
import { createProgressPainter } from './progressPainter.ts';
import { task } from './testing/samples.ts';

const half = (taskId: string): JobTask => task(taskId, 'InProgress', { progressPercentage: 50 });
const done = (taskId: string): JobTask => task(taskId, 'Completed');

/** Draws the states one after the other and returns what a terminal of that width then shows. */
function shown(columns: number, env: Record<string, string>, ...states: readonly JobTask[][]): string[] {
  let written = '';
  const stderr = { write: (text: string) => (written += text), isTTY: true, columns };
  const painter = createProgressPainter({ stdout: stderr, stderr, env, cwd: '/' });
  for (const state of states) painter.update(state);
  painter.end();
  return screen(written);
}

const ESC = '\u001B';
const PIECE = new RegExp(`\\n|\\r|${ESC}\\[[\\d;]*[A-Za-z]|[^\\n\\r${ESC}]+`, 'g');

/** A terminal that knows the four things that are used: line end, return, clear line, one line up. */
function screen(written: string): string[] {
  const lines = [''];
  let row = 0;
  for (const [piece] of written.matchAll(PIECE)) {
    if (piece === '\n') {
      row += 1;
      lines[row] ??= '';
    } else if (piece.endsWith('1A')) row -= 1;
    else if (piece.endsWith('2K')) lines[row] = '';
    else if (!piece.startsWith(ESC) && piece !== '\r') lines[row] += piece;
  }
  return lines.slice(0, lines.findLastIndex((line) => line !== '') + 1);
}

test('several running sub tasks are redrawn in place while others end', () => {
  const lines = shown(40, {}, [half('one'), half('two')], [done('one'), half('two')], [done('one'), done('two')]);
  assert.deepEqual(lines, ['ok one: completed', 'ok two: completed']);
});

const noted = (one: JobTask, note: string): JobTask => ({ ...one, strongroom: { note } });
const SNAPSHOT = [noted(done('Take Snapshot'), 'frozen for 333 ms'), half('Transfer')];
const BOTH = [SNAPSHOT[0] as JobTask, noted(done('Transfer'), 'stored 2 MiB')];

test('a note stands once, under the last line of its own sub task', () => {
  const running = [noted(half('Take Snapshot'), 'frozen for 333 ms'), half('Transfer')];
  const lines = ['ok Take Snapshot: completed', '  frozen for 333 ms', 'ok Transfer: completed', '  stored 2 MiB'];
  assert.deepEqual(shown(40, {}, running, SNAPSHOT, SNAPSHOT, BOTH), lines);
  assert.deepEqual(shown(80, { TERM: 'dumb' }, running, SNAPSHOT, SNAPSHOT, BOTH), [
    '.. Take Snapshot: 50 %',
    '.. Transfer: 50 %',
    ...lines,
  ]);
});

test('sub tasks that end between two looks are told one after the other, each with its note', () => {
  const lines = ['ok Take Snapshot: completed', '  frozen for 333 ms', 'ok Transfer: completed', '  stored 2 MiB'];
  assert.deepEqual(shown(40, {}, [], BOTH), lines);
  assert.deepEqual(shown(40, { TERM: 'dumb' }, [], BOTH), lines);
});

test('a terminal that does not tell its width has 80 columns', () => {
  assert.deepEqual(shown(0, {}, [half('one')]), shown(80, {}, [half('one')]));
  assert.ok((shown(0, {}, [half('one')])[0]?.length ?? 0) > 30);
});

test('a terminal that cannot move gets plain lines', () => {
  assert.deepEqual(shown(80, { TERM: 'dumb' }, [half('one')], [half('one')], [done('one')]), [
    '.. one: 50 %',
    'ok one: completed',
  ]);
});
