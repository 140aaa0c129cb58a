import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { CodedError, isCoded } from './error.ts';
import { plainError, reviveError } from './plainError.ts';
import { ThreadPool } from './threadPool.ts';

type Ask = {
  readonly say?: string;
  readonly fail?: boolean;
  readonly die?: 'throw' | 'exit';
  readonly stick?: boolean;
};

let folder: string;
let file: URL;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'threads-'));
  const path = join(folder, 'thread.ts');
  await writeFile(
    path,
    `import { serveThread } from ${JSON.stringify(import.meta.resolve('./serveThread.ts'))};
     import { CodedError } from ${JSON.stringify(import.meta.resolve('./error.ts'))};
     serveThread(async (ask, emit) => {
       if (ask.fail) throw new CodedError('StoreFull', 'no space', { target: 'p/00', recommendations: ['more disks'], cause: new TypeError('inner') });
       if (ask.die === 'exit') process.exit(3);
       if (ask.die === 'throw') await new Promise(() => setImmediate(() => { throw new Error('out of the blue'); }));
       if (ask.stick) for (;;);
       emit('heard ' + ask.say);
       return ask.say.toUpperCase();
     });`,
  );
  file = pathToFileURL(path);
});
after(() => rm(folder, { recursive: true, force: true }));

describe('a pool of threads', () => {
  test('answers calls, with events before their reply', async () => {
    const events: string[] = [];
    await using pool = new ThreadPool<Ask, string, string>({ file, size: 2, onEvent: (event) => events.push(event) });
    assert.deepEqual(await Promise.all(['a', 'b', 'c', 'd', 'e'].map((say) => pool.run({ say }))), [
      'A',
      'B',
      'C',
      'D',
      'E',
    ]);
    assert.equal(events.length, 5);
    assert.deepEqual(await pool.runAll({ say: 'x' }), ['X', 'X']);
  });

  test('an error keeps its code, and the thread goes on', async () => {
    await using pool = new ThreadPool<Ask, string>({ file, size: 1 });
    await assert.rejects(
      pool.run({ fail: true }),
      (error) => isCoded(error, 'StoreFull') && error.target === 'p/00' && error.recommendations[0] === 'more disks',
    );
    assert.equal(await pool.run({ say: 'still' }), 'STILL');
  });

  for (const die of ['throw', 'exit'] as const) {
    test(`a thread that dies (${die}) fails every call`, async () => {
      await using pool = new ThreadPool<Ask, string>({ file, size: 1 });
      const dead = pool.run({ die });
      const waiting = pool.run({ say: 'later' });
      await assert.rejects(dead, (error) => isCoded(error, 'WorkerThreadDied'));
      await assert.rejects(waiting, (error) => isCoded(error, 'WorkerThreadDied'));
      await assert.rejects(pool.run({ say: 'too late' }), (error) => isCoded(error, 'WorkerThreadDied'));
    });
  }

  test('an abort ends a thread in mid-loop', async () => {
    const stop = new AbortController();
    await using pool = new ThreadPool<Ask, string>({ file, size: 1, signal: stop.signal });
    const stuck = pool.run({ stick: true });
    stop.abort(new Error('enough'));
    await assert.rejects(stuck, /enough/);
  });
});

test('an error crosses as plain data and comes back', () => {
  const error = new CodedError('StoreFull', 'no space', {
    target: 't',
    details: [{ code: 'X', message: 'm' }],
    cause: new TypeError('inner'),
  });
  const back = reviveError(structuredClone(plainError(error)));
  assert.ok(isCoded(back, 'StoreFull'));
  assert.deepEqual(back.details, error.details);
  assert.equal((back.cause as Error).name, 'TypeError');
  const system = reviveError(plainError(Object.assign(new Error('gone'), { code: 'ENOENT' })));
  assert.equal((system as NodeJS.ErrnoException).code, 'ENOENT');
  assert.equal(reviveError(plainError('words')).message, 'words');
});
