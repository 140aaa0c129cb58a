import assert from 'node:assert/strict';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { dataRanges } from './dataRanges.ts';

const CELL = 64 * 1024;

test('only cells with bytes are told, and every one of them', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'strongroom-ranges-'));
  try {
    await using file = await open(join(folder, 'pages'), 'w+');
    await file.truncate(200 * CELL);
    assert.deepEqual(await dataRanges(file, 0, 200 * CELL), []);
    for (const at of [0, 3 * CELL + 5, 4 * CELL, 130 * CELL - 1]) await file.write('x', at);
    await file.write(Buffer.alloc(CELL), 0, CELL, 10 * CELL);
    assert.deepEqual(await dataRanges(file, 0, 200 * CELL), [
      { start: 0, end: CELL - 1 },
      { start: 3 * CELL, end: 5 * CELL - 1 },
      { start: 129 * CELL, end: 130 * CELL - 1 },
    ]);
    const part = await dataRanges(file, 3 * CELL + 512, 4 * CELL + 512);
    assert.deepEqual(part, [{ start: 4 * CELL, end: 4 * CELL + 511 }], 'what lies before the range does not count');
  } finally {
    await rm(folder, { recursive: true });
  }
});
