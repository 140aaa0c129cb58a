import { spawnSync } from 'node:child_process';
import { readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import { restoreDisk } from '../src/jobs/restoreDisk.ts';
import { transferDisk } from '../src/jobs/transferDisk.ts';
import { systemClock } from '../src/lib/clock.ts';
import type { Extent } from '../src/lib/extent.ts';
import type { ChangedExtents } from '../src/machine/machine.ts';
import type { KeyEncryptionKey } from '../src/store/keys.ts';
import { openBackend } from '../src/store/openBackend.ts';
import { verifyAll } from '../src/store/rescue.ts';
import { createStore, openStore } from '../src/store/store.ts';
import { DEFAULT_CHUNK_SIZE_BYTES, type DiskRoot } from '../src/store/tree.ts';
import { BENCH_KEY } from './benchKey.ts';

/** One backup or restore in a process of its own, so that its time and memory are its own: the job's data path without server and database. */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    store: { type: 'string' },
    image: { type: 'string' },
    changes: { type: 'string' },
    extents: { type: 'string' },
    parent: { type: 'string' },
    point: { type: 'string' },
    cseq: { type: 'string', default: '1' },
    workers: { type: 'string', default: '2' },
    dedupe: { type: 'string' },
  },
});

// Loads what a run loads, and ends.
if (positionals[0] === 'warm') process.exit(0);

const kek: KeyEncryptionKey = { kind: 'file', bytes: BENCH_KEY };
const spec = { kind: 'disk', folder: values.store! } as const;
const store = await (positionals[0] === 'create'
  ? createStore(openBackend(spec), kek, { vaultId: basename(values.store!), clock: systemClock })
  : openStore(openBackend(spec), kek));
const rootOf = (point: string): DiskRoot => JSON.parse(readFileSync(point, 'utf8'));

if (positionals[0] === 'backup') await backup();
else if (positionals[0] === 'restore') await restore();
else if (positionals[0] === 'verify') await verify();

async function backup(): Promise<void> {
  const { size } = statSync(values.image!);
  const { root, stats } = await transferDisk({
    backend: spec,
    keys: store.workerKeys,
    chunkSizeBytes: DEFAULT_CHUNK_SIZE_BYTES,
    source: { kind: 'file', path: values.image! },
    sizeBytes: size,
    changes: changes(size),
    ...(values.parent ? { parent: rootOf(values.parent) } : {}),
    ...(values.dedupe ? { dedupePath: values.dedupe } : {}),
    workers: Number(values.workers),
  });
  const commit = store.sealCommit({
    formatVersion: 1,
    vaultId: store.vaultId,
    pointId: `point${values.cseq}`,
    itemId: 'machine',
    cseq: Number(values.cseq),
    takenAt: systemClock.now(),
    createdAt: systemClock.now(),
    consistency: 'crash',
    expiresAt: null,
    lockUntil: null,
    previous: null,
    machine: {},
    disks: [{ lun: 0, name: 'disk', diskId: 'disk', root }],
  });
  await store.putCommit(commit.name, commit.bytes);
  writeFileSync(values.point!, JSON.stringify(root));
  console.log(JSON.stringify(stats));
}

function changes(sizeBytes: number): ChangedExtents {
  if (values.changes) return { kind: 'changed', extents: listed(values.changes) };
  return {
    kind: 'whole',
    why: 'asked for',
    extents: values.extents ? listed(values.extents) : mapped(values.image!, sizeBytes),
  };
}

async function* listed(path: string): AsyncIterable<Extent> {
  for (const range of JSON.parse(readFileSync(path, 'utf8')) as { offset: number; length: number }[])
    yield { ...range, kind: 'data' };
}

/** Where the image has data, as a host tells it; all of it when there is no tool to ask. */
async function* mapped(path: string, sizeBytes: number): AsyncIterable<Extent> {
  const map = spawnSync('qemu-img', ['map', '--output=json', '-f', 'raw', path], { maxBuffer: 1 << 30 });
  if (map.error || map.status !== 0) {
    yield { offset: 0, length: sizeBytes, kind: 'data' };
    return;
  }
  for (const { start, length, data } of JSON.parse(map.stdout.toString()) as {
    start: number;
    length: number;
    data: boolean;
  }[]) {
    yield { offset: start, length, kind: data ? 'data' : 'zero' };
  }
}

async function verify(): Promise<void> {
  const { damages, checkedBytes } = await verifyAll({
    backend: store.backend,
    kek,
    threads: { spec, workers: Number(values.workers) },
  });
  if (damages.length > 0) throw new Error(`the store is damaged: ${JSON.stringify(damages)}`);
  console.log(JSON.stringify({ checkedBytes }));
}

async function restore(): Promise<void> {
  const root = rootOf(values.point!);
  writeFileSync(values.image!, '', { flag: 'wx' });
  truncateSync(values.image!, root.sizeBytes);
  await restoreDisk({
    backend: spec,
    keys: store.workerKeys,
    root,
    targetPath: values.image!,
    workers: Number(values.workers),
  });
}
