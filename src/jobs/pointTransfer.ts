import { recordSessionPack } from '../db/packs.ts';
import { damagedPackIds } from '../db/packVerification.ts';
import type { Session } from '../db/sessions.ts';
import type { ChangedExtents, MachineRef, SnapshotDisk } from '../machine/machine.ts';
import type { CopyGap } from '../store/backend.ts';
import type { PackRecord } from '../store/packRecord.ts';
import { DEFAULT_CHUNK_SIZE_BYTES, type DiskRoot } from '../store/tree.ts';
import type { ProtectedItem } from '../vault/protectedItem.ts';
import type { PointDisk, RecoveryPoint } from '../vault/recoveryPoint.ts';
import type { JobContext } from './context.ts';
import { noteDamage } from './noteDamage.ts';
import type { SubTaskProgress } from './subTaskProgress.ts';
import { transferDisk } from './transferDisk.ts';
import type { OpenVault } from './vaultStores.ts';

export interface PointTransferSubject {
  readonly item: ProtectedItem;
  readonly point: RecoveryPoint;
  /** The newest point in the vault: what the bytes are counted from. */
  readonly base: RecoveryPoint | undefined;
  readonly vault: OpenVault;
  readonly session: Session;
  readonly progress: SubTaskProgress;
}

export interface TransferredDisk {
  readonly disk: PointDisk;
  readonly root: DiskRoot;
}

export interface Transferred {
  /** Bytes read from the snapshot. */
  readonly readBytes: number;
  /** Bytes the store grew by. */
  readonly storedBytes: number;
  /** The point is stored and can be restored; something about it is not as it should be. */
  readonly warning?: string;
}

/** Each try may come upon damage that was not known; then the disk is read whole, beside no parent. */
const TRIES_WITH_PARENT = 3;
/** About 1.6 TB; beyond it healing is no shorter than reading everything. */
const MAX_DAMAGED_PACKS = 100_000;

/** The disks of one point on their way into the store. */
export class PointTransfer {
  readonly disks: TransferredDisk[] = [];
  /** Object names. */
  readonly dedupedPacks = new Set<string>();
  readonly notes: string[] = [];
  /** Copies of the store that have not all of it. */
  readonly gaps: CopyGap[] = [];
  readBytes = 0;
  storedBytes = 0;
  readonly subject: PointTransferSubject;
  readonly #context: JobContext;
  #recording: Promise<void> = Promise.resolve();

  constructor(context: JobContext, subject: PointTransferSubject) {
    this.#context = context;
    this.subject = subject;
  }

  async disk(disk: PointDisk): Promise<void> {
    const { item, point, base } = this.subject;
    const { hosts, signal } = this.#context;
    const ref: MachineRef = { resourceGroup: item.resourceGroup, name: item.vmName };
    await using open = await hosts
      .get(point.snapshot?.host ?? item.host)
      .openDisk(ref, point.snapshot!.snapshotId, disk.lun, signal);
    const known = this.#parentOf(disk);
    for (let tries = 0; ; tries++) {
      const damagedPacks = await this.#damagedPacks();
      const parent = damagedPacks && tries < TRIES_WITH_PARENT ? known : undefined;
      const changes = await open.changedSince(parent && base?.snapshot?.snapshotId);
      try {
        await this.#transfer(disk, open, { changes, parent, damagedPacks });
        if (parent !== known) this.notes.push(`${disk.name} was read whole: the newest point in the vault is damaged`);
        else if (changes.kind === 'whole' && base) this.notes.push(`${disk.name} was read whole: ${changes.why}`);
        return;
      } catch (error) {
        // What the new point would share with the old is damaged: the live bytes mend it.
        if (!parent || !(await noteDamage(this.#context, this.subject.vault, error))) throw error;
      }
    }
  }

  async #transfer(
    disk: PointDisk,
    open: SnapshotDisk,
    how: {
      readonly changes: ChangedExtents;
      readonly parent: DiskRoot | undefined;
      readonly damagedPacks: ReadonlySet<string> | undefined;
    },
  ): Promise<void> {
    const { point, vault, progress } = this.subject;
    const { changes, parent, damagedPacks } = how;
    const { signal, workers } = this.#context;
    const before = this.disks.reduce((sum, { disk: { sizeBytes } }) => sum + sizeBytes, 0);
    const total = point.disks.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    const result = await transferDisk({
      backend: vault.spec,
      workers,
      keys: vault.store.workerKeys,
      chunkSizeBytes: parent?.chunkSizeBytes ?? DEFAULT_CHUNK_SIZE_BYTES,
      source: open.address,
      sizeBytes: open.sizeBytes,
      changes,
      ...(parent ? { parent } : {}),
      ...(damagedPacks ? { damagedPacks } : {}),
      dedupePath: vault.dedupePath,
      signal,
      onPack: (pack) => this.#record(pack),
      onProgress: ({ bytesDone }) => progress.report(before + bytesDone, total),
    });
    this.disks.push({ disk: { ...disk, sizeBytes: open.sizeBytes }, root: result.root });
    for (const pack of result.dedupedPacks) this.dedupedPacks.add(pack);
    this.gaps.push(...result.gaps);
    this.readBytes += result.stats.readBytes;
    this.storedBytes += result.stats.storedBytes;
    if (result.healedBytes > 0)
      this.notes.push(`${result.healedBytes} bytes of ${disk.name} were stored anew, for the vault's copy is damaged`);
  }

  /** Undefined: there are so many that the newest point is no help. */
  async #damagedPacks(): Promise<ReadonlySet<string> | undefined> {
    const { vaultId } = this.subject.session;
    const ids = await damagedPackIds(this.#context.db.queries, vaultId, MAX_DAMAGED_PACKS + 1);
    return ids.length > MAX_DAMAGED_PACKS ? undefined : new Set(ids);
  }

  /** Every pack the disks refer to is known to the database. */
  async recorded(): Promise<void> {
    await this.#recording;
  }

  /** The same disk as the vault has it; another disk under the same LUN is no parent. */
  #parentOf(disk: PointDisk): DiskRoot | undefined {
    const before = this.subject.base?.disks.find(({ lun, diskId }) => lun === disk.lun && diskId === disk.diskId);
    const root = before?.root as DiskRoot | undefined;
    return root?.sizeBytes === disk.sizeBytes ? root : undefined;
  }

  #record({ packId, name, kind, sizeBytes, slots }: PackRecord): void {
    const { db, clock } = this.#context;
    const { vaultId, id: sessionId } = this.subject.session;
    const pack = { vaultId, packId, name, kind, sizeBytes, slots, sessionId, createdAt: clock.now() };
    this.#recording = this.#recording.then(() => recordSessionPack(db.queries, pack));
    this.#recording.catch(() => {}); // told by recorded()
  }
}
