import { open, unlink } from 'node:fs/promises';
import { type Clock, systemClock } from '../lib/clock.ts';
import { CodedError, isCoded, isSystemError } from '../lib/error.ts';
import type { Backend } from './backend.ts';
import { removedCommits } from './checkpoints.ts';
import type { CommitBody, CommitDisk } from './commitBody.ts';
import { type Damage, damageOf } from './damage.ts';
import { DiskReader } from './diskReader.ts';
import type { KeyEncryptionKey } from './keys.ts';
import { type IsProven, LeafCheck } from './packs/leafCheck.ts';
import { brokenChain, verifyObjects } from './packs/verifier.ts';
import { PointVerifier } from './pointVerifier.ts';
import { openStore, type Store } from './store.ts';
import { type CheckThreads, openChecks, type StoreChecks } from './storeChecks.ts';
import { leafCount, leafSpanBytes } from './tree.ts';

export type { Damage } from './damage.ts';

/** A store and its key: all that is needed to list, verify and restore, without server or database. */
export interface RescueAccess {
  readonly backend: Backend;
  readonly kek: KeyEncryptionKey;
  readonly signal?: AbortSignal;
  /** Threads that verify; absent: the calling one does. */
  readonly threads?: CheckThreads;
  /** Tells which points were to be kept until now; absent: the machine's. */
  readonly clock?: Clock;
  /** Bytes of disk gone through. */
  readonly onProgress?: (progress: { readonly bytesDone: number; readonly bytesTotal: number }) => void;
}

export interface RescuePoint {
  readonly pointId: string;
  readonly itemId: string;
  readonly cseq: number;
  readonly takenAt: number;
  readonly consistency: CommitBody['consistency'];
  readonly expiresAt: number | null;
  readonly machine: unknown;
  readonly disks: readonly { readonly lun: number; readonly name: string; readonly sizeBytes: number }[];
}

export interface VerifyReport {
  readonly points: number;
  /** Objects whose bytes were compared with the SHA-256 in their names, or with the checksum they carry. */
  readonly objects: number;
  /** Bytes of disk that were opened and re-hashed. */
  readonly checkedBytes: number;
  readonly damages: readonly Damage[];
}

/**
 * Oldest first. One unreadable commit object never hides the others: it stands in `damages`. Errors: those of
 * `openStore`.
 */
export const listPoints = async (
  access: RescueAccess,
): Promise<{
  readonly vaultId: string;
  readonly points: readonly RescuePoint[];
  readonly damages: readonly Damage[];
}> => {
  const store = await openStore(access.backend, access.kek);
  const { commits, damages } = await readCommits(store, access.signal);
  return { vaultId: store.vaultId, points: commits.map(({ body }) => toPoint(body)), damages };
};

/**
 * Writes a disk as a sparse raw file that must not exist yet; durable when it resolves, deleted when it fails.
 * Errors: ResourceNotFound (point, lun), Conflict (the file exists), StoreDataDamaged, StoreObjectMissing,
 * StoreIoFailed, and those of `openStore`.
 */
export const restoreDisk = async (
  access: RescueAccess,
  what: { readonly pointId: string; readonly lun: number; readonly targetPath: string },
): Promise<{ readonly sizeBytes: number; readonly writtenBytes: number }> => {
  const store = await openStore(access.backend, access.kek);
  const disk = findDisk(await findPoint(store, what.pointId), what.lun);
  const file = await createTarget(what.targetPath);
  try {
    await file.truncate(disk.root.sizeBytes);
    const writtenBytes = await writeDisk(access, store, disk, async (offset, bytes) => {
      for (let at = 0; at < bytes.length; )
        at += (await file.write(bytes, at, bytes.length - at, offset + at)).bytesWritten;
    });
    await file.sync();
    await file.close();
    return { sizeBytes: disk.root.sizeBytes, writtenBytes };
  } catch (error) {
    await file.close();
    await unlink(what.targetPath);
    throw error;
  }
};

/** Opens and re-hashes every chunk of one point. Errors: ResourceNotFound and those of `openStore`. */
export const verifyPoint = async (access: RescueAccess, pointId: string): Promise<VerifyReport> => {
  const store = await openStore(access.backend, access.kek);
  const point = await findPoint(store, pointId);
  await using checks = await openChecks(store, access.threads, access.signal);
  return await verifyCommits(access, store, [point], checks);
};

/**
 * Every object against the SHA-256 in its name and every record of the packs, each read once; the commit objects'
 * chain and newest checkpoint; then whether the points' trees name what the packs hold. Errors: those of `openStore`.
 */
export const verifyAll = async (access: RescueAccess): Promise<VerifyReport> => {
  const store = await openStore(access.backend, access.kek);
  await using checks = await openChecks(store, access.threads, access.signal);
  const { isProven, ...objects } = await verifyObjects(store.backend, checks);
  const { commits, damages } = await readCommits(store, access.signal);
  const removed = await removedCommits(store, (access.clock ?? systemClock).now());
  const report = await verifyCommits(
    access,
    store,
    commits.map(({ body }) => body),
    checksOf(store, isProven),
  );
  return {
    ...report,
    objects: objects.objects,
    damages: [...objects.damages, ...damages, ...brokenChain(commits), ...removed, ...report.damages],
  };
};

/** What is proven needs no thread: the calling one walks the trees, and opens what is left over. */
const checksOf = (store: Store, isProven: IsProven): Pick<StoreChecks, 'leaf' | 'limit'> => {
  const inline = new LeafCheck(store, isProven);
  return { limit: 1, leaf: (task) => inline.run(task) };
};

const verifyCommits = async (
  access: RescueAccess,
  store: Store,
  bodies: readonly CommitBody[],
  checks: Pick<StoreChecks, 'leaf' | 'limit'>,
): Promise<VerifyReport> => {
  const bytesTotal = bodies.flatMap(({ disks }) => disks).reduce((sum, { root }) => sum + root.sizeBytes, 0);
  const verifier = new PointVerifier(store, { checks, ...(access.signal && { signal: access.signal }) });
  let bytesDone = 0;
  for (const body of bodies) {
    for (const disk of body.disks) {
      await verifier.verifyDisk(body.pointId, disk);
      bytesDone += disk.root.sizeBytes;
      access.onProgress?.({ bytesDone, bytesTotal });
    }
  }
  return { points: bodies.length, objects: 0, checkedBytes: verifier.checkedBytes, damages: verifier.damages };
};

const readCommits = async (store: Store, signal: AbortSignal | undefined) => {
  const commits: { readonly name: string; readonly body: CommitBody }[] = [];
  const damages: Damage[] = [];
  for await (const { name } of store.commits()) {
    signal?.throwIfAborted();
    try {
      commits.push({ name, body: await store.openCommit(name) });
    } catch (error) {
      if (!isCoded(error)) throw error;
      damages.push(damageOf(error, name));
    }
  }
  commits.sort((a, b) => a.body.cseq - b.body.cseq);
  return { commits, damages };
};

const findPoint = async (store: Store, pointId: string): Promise<CommitBody> => {
  for await (const commit of store.commits()) {
    if (commit.pointId === pointId) return store.openCommit(commit.name);
  }
  throw new CodedError('ResourceNotFound', `The store has no recovery point '${pointId}'.`, { target: 'pointId' });
};

const findDisk = (point: CommitBody, lun: number): CommitDisk => {
  const disk = point.disks.find((one) => one.lun === lun);
  if (disk) return disk;
  const luns = point.disks.map((one) => one.lun).join(', ');
  throw new CodedError(
    'ResourceNotFound',
    `Recovery point '${point.pointId}' has no disk at LUN ${lun}; it has ${luns}.`,
    {
      target: 'lun',
    },
  );
};

const createTarget = async (path: string) => {
  try {
    return await open(path, 'wx', 0o600);
  } catch (error) {
    if (isSystemError(error, 'EEXIST')) {
      throw new CodedError('Conflict', `'${path}' exists already; a restore never overwrites.`, {
        target: 'targetPath',
      });
    }
    throw new CodedError('StoreIoFailed', `'${path}' cannot be made: ${(error as Error).message}`, {
      target: 'targetPath',
      cause: error,
    });
  }
};

const writeDisk = async (
  access: RescueAccess,
  store: Store,
  disk: CommitDisk,
  write: (offset: number, bytes: Uint8Array) => Promise<void>,
): Promise<number> => {
  const { sizeBytes, chunkSizeBytes } = disk.root;
  const reader = new DiskReader({ backend: store.backend, keys: store.workerKeys }, disk.root);
  const span = leafSpanBytes(chunkSizeBytes);
  let writtenBytes = 0;
  for await (const { index } of reader.leaves()) {
    access.signal?.throwIfAborted();
    await reader.readLeafCells(index, async (offset, bytes) => {
      await write(offset, bytes);
      writtenBytes += bytes.length;
    });
    access.onProgress?.({ bytesDone: Math.min((index + 1) * span, sizeBytes), bytesTotal: sizeBytes });
  }
  if (leafCount(sizeBytes, chunkSizeBytes) > 0) access.onProgress?.({ bytesDone: sizeBytes, bytesTotal: sizeBytes });
  return writtenBytes;
};

const toPoint = (body: CommitBody): RescuePoint => ({
  pointId: body.pointId,
  itemId: body.itemId,
  cseq: body.cseq,
  takenAt: body.takenAt,
  consistency: body.consistency,
  expiresAt: body.expiresAt,
  machine: body.machine,
  disks: body.disks.map(({ lun, name, root }) => ({ lun, name, sizeBytes: root.sizeBytes })),
});
