import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import { endLine, plainLine, progressLine } from './progress.ts';
import { task } from './testing/samples.ts';

const GIB = 1024 ** 3;
const transfer = task('Transfer data to vault', 'InProgress', {
  strongroom: { bytesDone: 1.5 * GIB, bytesTotal: 6 * GIB, bytesPerSecond: 210 * 1024 ** 2, remainingMs: 21_900 },
});
const plain = { color: false, unicode: true };

test('a wide terminal shows bar, percent, time left, bytes and rate', () => {
  assert.equal(
    progressLine(transfer, { ...plain, width: 120 }),
    'Transfer data to vault  ███████░░░░░░░░░░░░░░░░░░░░░░░   25 %  22 s left  1.5 GiB of 6.0 GiB  210 MiB/s',
  );
});

test('a narrower terminal loses the rate first, then bytes, bar and title, never the percentage', () => {
  const lines = [79, 70, 50, 40, 20].map((width) => progressLine(transfer, { ...plain, width }));
  assert.deepEqual(lines, [
    'Transfer data to vault  ████░░░░░░░░░░░░░   25 %  22 s left  1.5 GiB of 6.0 GiB',
    'Transfer data to vault  ██░░░░░░   25 %  22 s left  1.5 GiB of 6.0 GiB',
    'Transfer data to vault  ██░░░░░░   25 %  22 s left',
    'Transfer data to vault   25 %  22 s left',
    'Transfer dat…   25 %',
  ]);
});

test('without block characters the bar is ASCII', () => {
  const line = progressLine(transfer, { color: false, unicode: false, width: 60 });
  assert.match(line, /^Transfer data to vault {2}#+-+ {3}25 %/);
});

test('colours add nothing to what is read', () => {
  const style = { ...plain, width: 90 };
  assert.equal(
    stripVTControlCharacters(progressLine(transfer, { ...style, color: true })),
    progressLine(transfer, style),
  );
  assert.notEqual(progressLine(transfer, { ...style, color: true }), progressLine(transfer, style));
});

test('a line never takes more than its width and never holds a control character', () => {
  const optional = <T>(some: fc.Arbitrary<T>) => fc.option(some, { nil: undefined });
  const tasks = fc.record({
    taskId: fc.string(),
    progress: optional(fc.double({ min: -5, max: 200, noNaN: true })),
    bytesDone: optional(fc.nat()),
    bytesTotal: optional(fc.nat()),
    bytesPerSecond: optional(fc.nat()),
    remainingMs: optional(fc.nat()),
  });
  fc.assert(
    fc.property(
      tasks,
      fc.integer({ min: 10, max: 200 }),
      fc.boolean(),
      ({ taskId, progress, ...bytes }, width, color) => {
        const drawn = task(taskId, 'InProgress', { progressPercentage: progress, strongroom: bytes });
        const seen = stripVTControlCharacters(progressLine(drawn, { width, color, unicode: true }));
        assert.ok(seen.length <= width, `${seen.length} over ${width}: ${seen}`);
        assert.doesNotMatch(seen, /\p{Cc}/u);
      },
    ),
  );
});

test('the last word on a sub task tells its status, bytes and time', () => {
  const done = task('Take Snapshot', 'Completed', { duration: 'PT4.2S' });
  assert.equal(endLine(done, plain), '✔ Take Snapshot: completed, 4 s');
  const skipped = task('Transfer data to vault', 'Skipped', { duration: 'PT0S' });
  assert.equal(endLine(skipped, plain), '– Transfer data to vault: skipped');
});

test('a log gets words instead of a bar', () => {
  assert.equal(plainLine(transfer), '.. Transfer data to vault: 25 %, 1.5 GiB of 6.0 GiB');
  assert.equal(plainLine(task('Take Snapshot', 'InProgress')), '.. Take Snapshot: in progress');
  assert.equal(plainLine(task('Take Snapshot', 'Failed')), 'x Take Snapshot: failed');
});
