import assert from 'node:assert/strict';
import { execFile, execFileSync, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { NbdClient } from './client.ts';
import { NbdServer } from './server.ts';
import { waitForServer } from './waitForServer.ts';

const installed = (tool: string) => spawnSync(tool, ['--version']).status === 0;
const skip =
  installed('qemu-nbd') && installed('qemu-img') && installed('qemu-io') ? false : 'QEMU tools are not installed';
const run = promisify(execFile);

test('our client reads what qemu-nbd serves, with allocation depth', { skip }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'nbd-'));
  const socketPath = join(folder, 's');
  const base = join(folder, 'base.qcow2');
  const overlay = join(folder, 'overlay.qcow2');
  execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', base, '64M']);
  execFileSync('qemu-io', ['-f', 'qcow2', '-c', 'write -q -P 7 1M 3M', base]);
  execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', '-b', base, '-F', 'qcow2', overlay]);
  execFileSync('qemu-io', ['-f', 'qcow2', '-c', 'write -q -P 9 2M 64k', overlay]);
  const server = spawn('qemu-nbd', ['-r', '-t', '-e', '8', '-f', 'qcow2', '-A', '-k', socketPath, overlay], {
    stdio: 'ignore',
  });
  try {
    await waitForServer(socketPath, AbortSignal.timeout(20_000));
    await using client = await NbdClient.connect({
      socketPath,
      exportName: '',
      contexts: ['base:allocation', 'qemu:allocation-depth'],
    });
    const MiB = 1 << 20;
    const told = (await Array.fromAsync(client.extents())).map((extent) => [
      extent.offset,
      extent.length,
      extent.flags['base:allocation']! & 2,
      extent.flags['qemu:allocation-depth'],
    ]);
    assert.deepEqual(told, [
      [0, MiB, 2, 0],
      [MiB, MiB, 0, 2],
      [2 * MiB, 65536, 0, 1],
      [2 * MiB + 65536, 2 * MiB - 65536, 0, 2],
      [4 * MiB, 60 * MiB, 2, 0],
    ]);
    const bytes = await client.read(MiB - 1, 2 * MiB);
    assert.deepEqual([bytes[0], bytes[1], bytes[MiB], bytes[MiB + 1], bytes[MiB + 65537]], [0, 7, 7, 9, 7]);
  } finally {
    server.kill();
    await once(server, 'exit');
    await rm(folder, { recursive: true });
  }
});

test('qemu-img reads what our server serves', { skip }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'nbd-'));
  try {
    const disk = new Uint8Array(16 << 20);
    disk.set(randomBytes(1 << 20), 4 << 20);
    disk.set(randomBytes(4096), 9 << 20);
    await writeFile(join(folder, 'raw'), disk);
    const kindAt = (mebibyte: number) => (mebibyte === 4 || mebibyte === 9 ? 'data' : 'zero');
    await using _server = await NbdServer.listen({
      socketPath: join(folder, 's'),
      exports: new Map([
        [
          'point',
          {
            sizeBytes: disk.length,
            read: async (offset, length) => disk.subarray(offset, offset + length),
            extents: async (offset) => [
              { offset, length: (1 << 20) - (offset % (1 << 20)), kind: kindAt(offset >> 20) },
            ],
          },
        ],
      ]),
    });
    const address = `nbd+unix:///point?socket=${join(folder, 's')}`;
    const map = JSON.parse((await run('qemu-img', ['map', '--output=json', '-f', 'raw', address])).stdout) as {
      start: number;
      data: boolean;
    }[];
    assert.deepEqual(
      map.map((extent) => [extent.start >> 20, extent.data]),
      [
        [0, false],
        [4, true],
        [5, false],
        [9, true],
        [10, false],
      ],
    );
    await run('qemu-img', ['compare', '-f', 'raw', '-F', 'raw', address, join(folder, 'raw')]);
    await run('qemu-img', ['convert', '-f', 'raw', '-O', 'raw', address, join(folder, 'copy')]);
    assert.ok((await readFile(join(folder, 'copy'))).equals(disk));
    await assert.rejects(run('qemu-io', ['-f', 'raw', '-c', 'write 0 512', address]));
    await assert.rejects(
      run('qemu-img', ['info', `nbd+unix:///absent?socket=${join(folder, 's')}`]),
      /not available|no such export/i,
    );
  } finally {
    await rm(folder, { recursive: true });
  }
});
