import { getPoint, putPoint } from '../../db/points.ts';
import { adoptCommit, deletedCommitNames, unknownCommitNames } from '../../db/reconciliation.ts';
import { getVault } from '../../db/vaults.ts';
import { CodedError, isCoded } from '../../lib/error.ts';
import type { CommitBody, CommitName } from '../../store/store.ts';
import type { JsonObject, JsonValue } from '../../vault/json.ts';
import type { ProtectedItem } from '../../vault/protectedItem.ts';
import { hasSnapshot, type RecoveryPoint, type VaultTier } from '../../vault/recoveryPoint.ts';
import type { Vault } from '../../vault/vault.ts';
import type { JobContext } from '../context.ts';
import type { OpenVault } from '../vaultStores.ts';
import { adoptItem, machineOf } from './adoptedItem.ts';
import { HostSnapshots } from './hostSnapshots.ts';
import { note } from './report.ts';

const BATCH = 200;
/** 31 December 9999: a point of which nobody knows an end. */
const NO_END = 253_402_214_400_000;

/**
 * Takes over every commit object of the store that the database does not know: its commit, its point and, where it is
 * unknown, its item. Errors: StoreLies (it is listed and cannot be read), StoreIoFailed.
 */
export async function adoptCommits(context: JobContext, { store }: OpenVault): Promise<void> {
  const vault = (await getVault(context.db.queries, store.vaultId))!;
  const snapshots = new HostSnapshots(context);
  let batch: CommitName[] = [];
  const adopt = async (): Promise<void> => {
    const names = batch.map(({ name }) => name);
    const unknown = new Set(await unknownCommitNames(context.db.queries, vault.id, names));
    for (const commit of batch.filter(({ name }) => unknown.has(name))) {
      context.signal.throwIfAborted();
      await adoptOne(context, { store }, vault, commit, snapshots);
    }
    await noteDeleted(context, vault.id, names);
    batch = [];
  };
  for await (const commit of store.commits()) if (batch.push(commit) === BATCH) await adopt();
  await adopt();
}

async function adoptOne(
  context: JobContext,
  { store }: Pick<OpenVault, 'store'>,
  vault: Vault,
  commit: CommitName,
  snapshots: HostSnapshots,
): Promise<void> {
  const { db, clock } = context;
  const { name } = commit;
  const body = await readBody(context, store, name);
  if (!body) return;
  const isOnHost = (await snapshots.of(machineOf(body)))?.has(snapshotIdOf(commit.pointId));
  await db.transaction(async (tx) => {
    const now = clock.now();
    const { item, isNew } = await adoptItem(tx, vault, body, now);
    if (isNew) await note(tx, context, { kind: 'newItem', name: item.id, machine: item.vmName });
    const sha256 = name.slice(-64);
    const cseq = await adoptCommit(tx, { ...commit, vaultId: vault.id, sha256, createdAt: body.createdAt });
    const known = await getPoint(tx, item.id, commit.pointId);
    const vaulted: VaultTier = {
      commitName: name,
      cseq,
      storedAt: body.createdAt,
      ...(body.expiresAt === null ? {} : { expiresAt: body.expiresAt }),
    };
    const made = known ?? pointOf(context, item, body);
    const snapshot = isOnHost && !hasSnapshot(made) ? { snapshot: { snapshotId: snapshotIdOf(commit.pointId) } } : {};
    await putPoint(tx, { ...made, disks: disksOf(body), vaulted, ...snapshot });
    await note(tx, context, { kind: 'adopted', name, machine: item.vmName, takenAt: body.takenAt });
  });
}

/** Undefined: it is damaged, which the report tells; nobody can say what it was. */
async function readBody(context: JobContext, store: OpenVault['store'], name: string): Promise<CommitBody | undefined> {
  try {
    return await store.openCommit(name);
  } catch (error) {
    if (isCoded(error, 'StoreObjectMissing')) throw listedAndMissing(name, error);
    if (!isCoded(error, 'StoreDataDamaged')) throw error;
    await context.db.transaction((tx) => note(tx, context, { kind: 'left', name, why: error.message }));
    return undefined;
  }
}

const listedAndMissing = (name: string, cause: unknown): CodedError =>
  new CodedError('StoreLies', `The storage lists ${name} and says that it is not there.`, {
    target: name,
    recommendations: ['Look after the storage; then ask for the reconciliation again.'],
    cause,
  });

/** An object that came back from where it had been deleted: its packs may be gone, so it is neither adopted nor hidden. */
async function noteDeleted(context: JobContext, vaultId: string, names: readonly string[]): Promise<void> {
  for (const name of await deletedCommitNames(context.db.queries, vaultId, names)) {
    const why = 'The database has let this point go; its commit object is still, or again, in the store.';
    await context.db.transaction((tx) => note(tx, context, { kind: 'left', name, why }));
  }
}

/** As takeSnapshot.ts names them. */
const snapshotIdOf = (pointId: string): string => `p${pointId}`;

const pointOf = ({ job }: JobContext, item: ProtectedItem, body: CommitBody): RecoveryPoint => {
  const { catalogue } = body;
  const retainUntil = catalogue ? catalogue.retainUntil : (body.expiresAt ?? NO_END);
  return {
    id: body.pointId,
    vaultId: body.vaultId,
    itemId: item.id,
    jobId: job.id,
    takenAt: body.takenAt,
    consistency: body.consistency,
    ...(catalogue?.consistencyReason === undefined ? {} : { consistencyReason: catalogue.consistencyReason }),
    ...(catalogue?.occurrenceKey === undefined ? {} : { occurrenceKey: catalogue.occurrenceKey }),
    ...(retainUntil === undefined ? {} : { retainUntil }),
    keptBy: [],
    disks: disksOf(body),
    excludedDisks: catalogue?.excludedDisks ?? [],
    machine: body.machine as JsonObject,
  };
};

const disksOf = (body: CommitBody): RecoveryPoint['disks'] =>
  body.disks.map(({ lun, name, diskId, root }) => ({
    ...{ lun, name, diskId, sizeBytes: root.sizeBytes },
    root: root as unknown as JsonValue,
  }));
