import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import type { MachineHost, MachineRef, Snapshot, SnapshotRequest } from '../../src/machine/machine.ts';
import { isVaulted, type RecoveryPoint } from '../../src/vault/recoveryPoint.ts';
import { ON_DEMAND_DAYS } from '../../src/vault/retentionRules.ts';

const DAY_MS = 86_400_000;

/** A point as it was first shown, with what its disks held when the snapshot was cut. */
export interface ShownPoint {
  readonly point: RecoveryPoint;
  /** SHA-256 of the whole disk, by LUN. */
  readonly hashes: ReadonlyMap<number, string>;
}

/** Remembers, outside everything that can die, what the vault has promised. */
export class Recorder {
  readonly #hashes = new Map<string, ReadonlyMap<number, string>>();
  readonly #shown = new Map<string, ShownPoint>();

  /** True: only snapshots are watched; another recorder remembers what was shown. */
  isWitness = false;
  /** Told of a snapshot's hashes before its taker is answered. */
  onHashes: (snapshotId: string, hashes: ReadonlyMap<number, string>) => void = () => {};

  /** What another process's recorder found. */
  learn(snapshotId: string, hashes: ReadonlyMap<number, string>): void {
    this.#hashes.set(snapshotId, hashes);
  }

  /** A host whose snapshots are hashed the moment they are cut, or when one that a dead process cut is found. */
  watch<Host extends MachineHost>(host: Host): Host {
    const hash = async (ref: MachineRef, { id, disks }: Snapshot): Promise<void> => {
      const hashes = new Map<number, string>();
      for (const { lun } of disks) {
        await using disk = await host.openDisk(ref, id, lun);
        if (disk.address.kind !== 'file') throw new Error('only files are hashed here');
        hashes.set(lun, await hashFile(disk.address.path));
      }
      const key = snapshotKey(ref.name, id);
      this.#hashes.set(key, hashes);
      this.onHashes(key, hashes);
    };
    const snapshot = async (ref: MachineRef, request: SnapshotRequest): Promise<Snapshot> => {
      const taken = await host.snapshot(ref, request);
      await hash(ref, taken);
      return taken;
    };
    const snapshots = async (ref: MachineRef): Promise<readonly Snapshot[]> => {
      const all = await host.snapshots(ref);
      for (const one of all) if (!this.#hashes.has(snapshotKey(ref.name, one.id))) await hash(ref, one);
      return all;
    };
    return new Proxy(host, {
      get: (target, key) => {
        if (key === 'snapshot') return snapshot;
        if (key === 'snapshots') return snapshots;
        const value: unknown = Reflect.get(target, key, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  }

  /** Takes note of every point that the database shows as stored now; over a connection of its own. */
  observe(databasePath: string): void {
    using database = new DatabaseSync(databasePath);
    const rows = database.prepare('select body from points where is_vaulted = 1').all() as { body: string }[];
    for (const { body } of rows) this.note(JSON.parse(body) as RecoveryPoint);
  }

  note(point: RecoveryPoint): void {
    if (this.isWitness || !isVaulted(point) || this.#shown.has(keyOf(point))) return;
    const hashes = this.#hashes.get(snapshotKey(String(point.machine.name), `p${point.id}`));
    if (!hashes) throw new Error(`point ${point.id} is shown and its snapshot was never taken`);
    this.#shown.set(keyOf(point), { point, hashes });
  }

  /** The promised points that no rule lets go by now: those kept on demand until their time, and each item's newest. */
  due(now: number): readonly ShownPoint[] {
    const newest = new Set(this.newest());
    return [...this.#shown.values()].filter(
      (one) => newest.has(one) || now < (one.point.retainUntil ?? one.point.takenAt + ON_DEMAND_DAYS * DAY_MS),
    );
  }

  /** Of each machine one. */
  newest(): readonly ShownPoint[] {
    const newest = new Map<string, ShownPoint>();
    for (const one of this.#shown.values()) {
      const other = newest.get(one.point.itemId);
      if (!other || isLater(one.point, other.point)) newest.set(one.point.itemId, one);
    }
    return [...newest.values()];
  }

  /** Knows all that this one knows, and learns for itself from now on. */
  fork(): Recorder {
    const fork = new Recorder();
    for (const [id, hashes] of this.#hashes) fork.#hashes.set(id, hashes);
    for (const [key, shown] of this.#shown) fork.#shown.set(key, shown);
    return fork;
  }

  get shownCount(): number {
    return this.#shown.size;
  }
}

/** Two machines may have snapshots of one id: it is a time with three drawn digits. */
const snapshotKey = (machine: string, id: string): string => `${machine}/${id}`;

const keyOf = ({ itemId, id }: RecoveryPoint): string => `${itemId}/${id}`;

const isLater = (one: RecoveryPoint, other: RecoveryPoint): boolean =>
  one.takenAt === other.takenAt ? (one.vaulted?.cseq ?? 0) > (other.vaulted?.cseq ?? 0) : one.takenAt > other.takenAt;

export const hashFile = async (path: string): Promise<string> => {
  const hash = createHash('sha256');
  await using file = await open(path, 'r');
  const buffer = Buffer.allocUnsafe(4 << 20);
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
    if (bytesRead === 0) return hash.digest('hex');
    hash.update(buffer.subarray(0, bytesRead));
  }
};
