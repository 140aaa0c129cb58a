import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { isCoded } from '../../lib/error.ts';
import { VolatileFiles } from '../testing/volatileFiles.ts';
import { listed } from './backend.contract.ts';
import { DiskBackend } from './disk.ts';

const BYTES = new Uint8Array(Buffer.from('sealed bytes'));

/** Scratch names are random. */
const plain = (calls: readonly string[]): readonly string[] =>
  calls.map((call) => call.replace(/\.tmp\/\d+-[0-9a-f]+/, '.tmp/*'));

const withStore = async (): Promise<{ files: VolatileFiles; backend: DiskBackend }> => {
  const files = new VolatileFiles();
  const backend = new DiskBackend('/store', files);
  await backend.put('p/ab/first', BYTES);
  files.calls.length = 0;
  return { files, backend };
};

describe('the disk backend', () => {
  it('syncs the file, then names it, then syncs the folder', async () => {
    const { files, backend } = await withStore();
    await backend.put('p/ab/second', BYTES);
    assert.deepEqual(plain(files.calls), [
      'create /store/.tmp/*',
      'write /store/.tmp/*',
      'sync /store/.tmp/*',
      'close /store/.tmp/*',
      'link /store/p/ab/second',
      'syncFolder /store/p/ab',
      'unlink /store/.tmp/*',
    ]);
  });

  it('makes every new folder durable in its parent before anything is put into it', async () => {
    const files = new VolatileFiles();
    await new DiskBackend('/data/store', files).put('p/ab/first', BYTES);
    assert.deepEqual(plain(files.calls).slice(0, 8), [
      'makeFolder /data',
      'syncFolder /',
      'makeFolder /data/store',
      'syncFolder /data',
      'makeFolder /data/store/p',
      'syncFolder /data/store',
      'makeFolder /data/store/p/ab',
      'syncFolder /data/store/p',
    ]);
  });

  it('makes durable what another process put before it answers that it exists', async () => {
    const { files } = await withStore();
    const other = new DiskBackend('/store', files);
    assert.equal(await other.put('p/ab/first', BYTES), 'exists');
    assert.equal(files.calls.at(-1), 'syncFolder /store/p/ab');
  });

  it('goes on after a short write', async () => {
    const { files, backend } = await withStore();
    files.writeBytes = 5;
    await backend.put('p/ab/second', BYTES);
    assert.deepEqual(new Uint8Array(await backend.get('p/ab/second')), BYTES);
  });

  it('syncs a folder again when something is deleted', async () => {
    const { files, backend } = await withStore();
    await backend.delete('p/ab/first');
    assert.deepEqual(files.calls, ['unlink /store/p/ab/first', 'syncFolder /store/p/ab']);
  });

  for (const [call, code] of [
    ['sync', 'EIO'],
    ['write', 'EIO'],
    ['close', 'EIO'],
    ['link', 'EPERM'],
  ] as const) {
    it(`abandons the file when ${call} fails`, async () => {
      const { files, backend } = await withStore();
      files.faults[call] = code;
      await assert.rejects(backend.put('p/ab/second', BYTES), (error) => isCoded(error, 'StoreIoFailed'));
      assert.equal(files.faults[call], undefined, 'the fault was met');
      assert.equal(files.calls.filter((made) => made.startsWith('sync ')).length <= 1, true, 'never synced twice');
      assert.equal(await backend.head('p/ab/second'), undefined);
      assert.deepEqual(await files.entries('/store/.tmp'), []);
      assert.equal(await backend.put('p/ab/second', BYTES), 'created');
    });
  }

  it('never trusts a folder whose sync failed', async () => {
    const { files, backend } = await withStore();
    files.faults.syncFolder = 'EIO';
    await assert.rejects(backend.put('p/ab/second', BYTES), (error) => isCoded(error, 'StoreIoFailed'));
    assert.equal(await backend.head('p/ab/second'), undefined);
    await assert.rejects(backend.put('p/ab/third', BYTES), (error) => isCoded(error, 'StoreIoFailed'));
    assert.equal(files.calls.filter((call) => call.startsWith('syncFolder')).length, 1);
  });

  it('goes on in a folder that was taken away while it synced it', async () => {
    const { files, backend } = await withStore();
    files.faults.syncFolder = 'ENOENT';
    assert.equal(await backend.put('p/ab/second', BYTES), 'created');
    assert.equal(files.faults.syncFolder, undefined, 'the fault was met');
    assert.deepEqual(new Uint8Array(await backend.get('p/ab/second')), BYTES);
    assert.equal(await backend.put('p/ab/third', BYTES), 'created');
  });

  for (const code of ['ENOSPC', 'EDQUOT']) {
    it(`tells a full store by ${code}, and leaves nothing behind`, async () => {
      const { files, backend } = await withStore();
      files.faults.write = code;
      await assert.rejects(backend.put('p/ab/second', BYTES), (error) => isCoded(error, 'StoreFull'));
      assert.deepEqual(await files.entries('/store/.tmp'), []);
    });
  }

  it('keeps files to itself, and hides and removes what dead puts left', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'strongroom-store-'));
    const backend = new DiskBackend(folder);
    await backend.put('p/ab/first', BYTES);
    assert.equal((await stat(join(folder, 'p/ab/first'))).mode & 0o777, 0o600);
    assert.equal((await stat(join(folder, 'p'))).mode & 0o777, 0o700);
    await writeFile(join(folder, '.tmp', '1-left'), 'half');
    assert.deepEqual(await listed(backend, ''), [{ name: 'p/ab/first', sizeBytes: BYTES.length }]);
    assert.equal(await backend.removeLeftovers(), 1);
    assert.deepEqual(await readdir(join(folder, '.tmp')), []);
    await rm(folder, { recursive: true });
  });

  it('does not follow a symbolic link', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'strongroom-store-'));
    const { symlink } = await import('node:fs/promises');
    await symlink('/etc/hostname', join(folder, 'fmt'));
    await assert.rejects(new DiskBackend(folder).get('fmt'), (error) => isCoded(error, 'StoreIoFailed'));
    await rm(folder, { recursive: true });
  });
});
