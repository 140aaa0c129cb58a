import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { TurnedClock } from '../../lib/turnedClock.ts';
import { LeafWriter } from '../../store/leafWriter.ts';
import { openBackend } from '../../store/openBackend.ts';
import { createStore } from '../../store/store.ts';
import { writeTree } from '../../store/treeWriter.ts';
import { runCli } from '../testing/runCli.ts';

const CHUNK = 128 * 1024;
const DISK = new Uint8Array(3 * CHUNK + 512).map((_, at) => (at < CHUNK ? 0 : at % 251));
const KEY = new Uint8Array(32).fill(7);

let folder: string;
let onStore: string[];
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'strongroom-rescue-'));
  await writeFile(join(folder, 'vault.key'), KEY);
  await writeStore(join(folder, 'store'));
  onStore = ['--folder', join(folder, 'store'), '--key-file', join(folder, 'vault.key')];
});
after(() => rm(folder, { recursive: true, force: true }));

/** One point of one machine with one disk; their names would lead out of a folder. */
async function writeStore(storeFolder: string): Promise<void> {
  const backend = openBackend({ kind: 'disk', folder: storeFolder });
  const clock = new TurnedClock('2026-01-05T08:00:00Z');
  const store = await createStore(backend, { kind: 'file', bytes: KEY }, { vaultId: 'v1', clock });
  const parts = { backend, keys: store.workerKeys };
  const leaves = new LeafWriter({ ...parts, chunkSizeBytes: CHUNK });
  const extents = [{ offset: 0, length: DISK.length, kind: 'data' }] as const;
  const leaf = await leaves.writeLeaf(
    { index: 0, diskSizeBytes: DISK.length, parent: null, extents, whole: true },
    (offset, length) => DISK.subarray(offset, offset + length),
  );
  await leaves.finish();
  const root = await writeTree(parts, { sizeBytes: DISK.length, chunkSizeBytes: CHUNK, leaves: new Map([[0, leaf]]) });
  const { name, bytes } = store.sealCommit({
    formatVersion: 1,
    vaultId: 'v1',
    pointId: 'p1',
    itemId: 'i1',
    cseq: 1,
    takenAt: clock.now(),
    createdAt: clock.now(),
    consistency: 'application',
    expiresAt: null,
    lockUntil: null,
    previous: null,
    machine: { name: '../Web-01' },
    disks: [{ lun: -1, name: '../web os', diskId: 'd1', root }],
  });
  await store.putCommit(name, bytes);
}

test('store list shows the points of a store, with folder and key alone', async () => {
  const { code, stdout, stderr } = await runCli({}, 'store', 'list', ...onStore, '-o', 'table');
  assert.deepEqual([code, stderr], [0, '']);
  assert.match(stdout, /^PointId .*\n-+ .*\np1 +2026-01-05T08:00:00\.000Z +\.\.\/Web-01 +application/);
});

test('store restore writes the disks byte for byte, inside the folder, and never over a file', async () => {
  const target = await mkdtemp(join(folder, 'target-'));
  const words = ['store', 'restore', ...onStore, '--point', 'p1', '--target-folder', target];
  const { code, stdout, stderr } = await runCli({}, ...words, '--query', '[].[lun, sizeBytes]', '-o', 'tsv');
  assert.deepEqual([code, stdout], [0, `-1\t${DISK.length}\n`], stderr);
  assert.deepEqual(await readdir(target), ['.._Web-01-os.raw']);
  assert.deepEqual(new Uint8Array(await readFile(join(target, '.._Web-01-os.raw'))), DISK);
  const again = await runCli({}, ...words);
  assert.equal(again.code, 1);
  assert.match(again.stderr, /^(\.\. .*\n)*ERROR: \(Conflict\)/);
  assert.match(stderr, /^ok Restore \.\.\/web os: completed, 385 KiB\n$/);
});

test('store restore names what it does not find', async () => {
  const words = ['store', 'restore', ...onStore, '--target-folder', folder];
  const lost = await runCli({}, ...words, '--point', 'p2');
  assert.equal(lost.code, 3);
  assert.match(lost.stderr, /no recovery point 'p2'/);
  const lun = await runCli({}, ...words, '--point', 'p1', '--diskslist', '4');
  assert.equal(lun.code, 2);
  assert.match(lun.stderr, /argument '4': point p1 has the LUNs -1/);
});

test('a wrong key, a key of a wrong size and no key are told apart', async () => {
  const store = ['store', 'list', '--folder', join(folder, 'store')];
  await writeFile(join(folder, 'other.key'), new Uint8Array(32).fill(8));
  await writeFile(join(folder, 'short.key'), 'short');
  const wrong = await runCli({}, ...store, '--key-file', join(folder, 'other.key'));
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /\(StoreKeyWrong\)[\s\S]*\nRecommendation: .* the file keys\/v1\.key of the data folder/);
  const short = await runCli({}, ...store, '--key-file', join(folder, 'short.key'));
  assert.equal(short.code, 2);
  assert.match(short.stderr, /'--key-file <file>' names a file of 5 bytes; a key has 32/);
  const none = await runCli({}, ...store);
  assert.equal(none.code, 2);
  assert.match(none.stderr, /one of '--key-file <file>', '--passphrase-file <file>', .* must be specified/);
  const gone = await runCli({}, ...store, '--key-file', join(folder, 'gone.key'));
  assert.match(gone.stderr, /gone\.key \(there is no such file\)/);
});

test('store verify finds a sound store sound, and a flipped bit', async () => {
  const sound = await runCli({}, 'store', 'verify', ...onStore, '--query', 'damages', '-o', 'json');
  assert.deepEqual([sound.code, sound.stdout], [0, '[]\n'], sound.stderr);
  assert.equal(sound.stderr, 'ok Verify: completed, 385 KiB\n');
  const storeFolder = join(folder, 'store');
  const packs = (await readdir(storeFolder, { recursive: true })).filter((name) => /(^|\/)p\/..\/[^/]+$/.test(name));
  assert.ok(packs.length > 0);
  for (const name of packs) {
    const bytes = new Uint8Array(await readFile(join(storeFolder, name)));
    bytes[bytes.length >> 1]! ^= 1;
    await writeFile(join(storeFolder, name), bytes);
  }
  const damaged = await runCli({}, 'store', 'verify', ...onStore, '--query', 'length(damages)');
  assert.deepEqual([damaged.code, damaged.stdout], [1, `${packs.length + 1}\n`]);
  const [end, error, ...lines] = damaged.stderr.trimEnd().split('\n');
  assert.match(end ?? '', new RegExp(`^x Verify: failed, ${packs.length + 1} damages`));
  assert.equal(error, `ERROR: The store is damaged in ${packs.length + 1} places.`);
  assert.match(lines[0] ?? '', /^- p\/..\/\S+: its bytes have another SHA-256 than its name\.$/);
  assert.match(lines.at(-1) ?? '', /^- p\/..\/\S+ \(point p1, disk at LUN -1, bytes \d+ to \d+\): (?!p\/|Bytes).+$/);
});
