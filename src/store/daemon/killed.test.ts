import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, globSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { systemClock } from '../../lib/clock.ts';
import { openBackend } from '../openBackend.ts';
import { DaemonProcess, newFolder, removeProtected } from '../testing/daemonProcess.ts';

const KILLS = 4;
const PUTS_BEFORE_KILL = 12;
const DAY_MS = 86_400_000;

test(`kill -9 among puts, ${KILLS} times: no object without its lock, none in part, none lost`, async () => {
  const folder = await newFolder();
  const daemon = new DaemonProcess(folder);
  const begun = systemClock.now();
  const acknowledged = new Map<string, string>();
  let cut = 0;
  try {
    for (let kill = 0; kill < KILLS; kill++) {
      await daemon.start();
      const backend = openBackend({ kind: 'daemon', socket: daemon.socket, store: 'v1' });
      let done = 0;
      let killing: Promise<void> | undefined;
      const put = async (): Promise<void> => {
        while (!killing) {
          const bytes = randomBytes(50_000);
          const sha256 = createHash('sha256').update(bytes).digest('hex');
          try {
            await backend.put(`p/aa/${randomBytes(16).toString('hex')}.0.${sha256}`, bytes);
            acknowledged.set(sha256, sha256);
            if (++done === PUTS_BEFORE_KILL + kill) killing = daemon.kill();
          } catch {
            cut++;
            return;
          }
        }
      };
      await Promise.all(Array.from({ length: 8 }, put));
      await killing;
      assertEachLocked(daemon.root, begun);
    }
    assert.ok(cut >= KILLS, `${cut} puts were cut off`);
    await daemon.start();
    const backend = openBackend({ kind: 'daemon', socket: daemon.socket, store: 'v1' });
    const found = new Set<string>();
    for await (const { name } of backend.list('p/')) {
      const sha256 = name.split('.').at(-1)!;
      assert.equal(
        createHash('sha256')
          .update(await backend.get(name))
          .digest('hex'),
        sha256,
      );
      found.add(sha256);
    }
    assert.deepEqual(
      [...acknowledged.keys()].filter((sha256) => !found.has(sha256)),
      [],
    );
    assert.deepEqual(globSync(join(daemon.root, 'stores/v1/.tmp/*')), [], 'scratch files are cleared away');
  } finally {
    await daemon[Symbol.asyncDispose]();
    await removeProtected(folder);
  }
});

/** The dead daemon's table against its files. */
function assertEachLocked(root: string, begun: number): void {
  assert.ok(existsSync(join(root, 'locks.sqlite')));
  const files = globSync(join(root, 'stores/v1/p/aa/*'));
  assert.ok(files.length > 0);
  const table = new DatabaseSync(join(root, 'locks.sqlite'));
  try {
    const find = table.prepare('select until from locks where store = ? and name = ?');
    for (const file of files) {
      const row = find.get('v1', file.slice(join(root, 'stores/v1/').length));
      assert.ok(row && Number(row.until) > begun + 6 * DAY_MS, file);
    }
  } finally {
    table.close();
  }
}
