import { markPackDamaged, suspectPack } from '../../db/packVerification.ts';
import {
  countVaultedPoints,
  markPointVerified,
  pointsToVerify,
  vaultedPointById,
  verifiedPointNear,
} from '../../db/pointVerification.ts';
import { DAY_MS } from '../../lib/clock.ts';
import { CodedError } from '../../lib/error.ts';
import { PointVerifier } from '../../store/pointVerifier.ts';
import { openChecks, type StoreChecks } from '../../store/storeChecks.ts';
import type { DiskRoot } from '../../store/tree.ts';
import type { RecoveryPoint } from '../../vault/recoveryPoint.ts';
import { forgetPacks, packIn } from '../noteDamage.ts';
import type { VerifyRun } from './run.ts';
import { scrubSuspects } from './scrubPacks.ts';

/** Part of the points that are opened again each day. */
const SAMPLE = 0.01;
const PAGE = 100;

/** Opens every chunk of one point. Errors: ResourceNotFound. */
export async function verifyOnePoint(run: VerifyRun, pointId: string): Promise<void> {
  const point = await vaultedPointById(run.context.db.queries, run.vaultId, pointId);
  if (!point) {
    const message = `The vault holds no recovery point '${pointId}'; only points that are in the vault can be verified.`;
    throw new CodedError('ResourceNotFound', message, { target: 'pointId' });
  }
  await using checks = await openDeepChecks(run);
  await new DeepVerification(run, checks).point(point, undefined);
}

const openDeepChecks = ({ vault: { store, spec }, context }: VerifyRun): Promise<StoreChecks> =>
  openChecks(store, 'put' in spec ? undefined : { spec, workers: context.workers }, context.signal);

/**
 * Points that were never verified, each compared with one that was: only what is new is opened. Then a sample of the
 * others, the least recently verified ones, whole; with `all`, every one. `budgetBytes`: no further point is begun
 * beyond it.
 */
export async function verifyPoints(
  run: VerifyRun,
  { all = false, budgetBytes = Number.POSITIVE_INFINITY }: { readonly all?: boolean; readonly budgetBytes?: number },
): Promise<void> {
  const { context, vaultId, startedAt, tally } = run;
  const { queries } = context.db;
  await using checks = await openDeepChecks(run);
  const deep = new DeepVerification(run, checks);
  const tried = new Set<string>();
  for (;;) {
    const page = { kind: 'never', verifiedBefore: startedAt, limit: tried.size + PAGE } as const;
    const points = (await pointsToVerify(queries, vaultId, page)).filter((point) => !tried.has(keyOf(point)));
    for (const point of points) {
      if (tally.openedBytes >= budgetBytes) return;
      tried.add(keyOf(point));
      await deep.point(point, await verifiedPointNear(queries, point));
    }
    if (points.length === 0) break;
  }
  const limit = Math.ceil((await countVaultedPoints(queries, vaultId)) * (all ? 1 : SAMPLE));
  const due = { kind: 'oldest', verifiedBefore: all ? startedAt : startedAt - DAY_MS, limit } as const;
  for (const point of await pointsToVerify(queries, vaultId, due)) {
    if (tally.openedBytes >= budgetBytes) return;
    await deep.point(point, undefined);
  }
}

const keyOf = ({ itemId, id }: RecoveryPoint): string => `${itemId}/${id}`;

/** Opens points, and has what it stumbles over examined at once, so that a point mended meanwhile counts as whole. */
class DeepVerification {
  readonly #run: VerifyRun;
  readonly #verifier: PointVerifier;
  /** Packs of which a read went wrong. */
  readonly #suspects = new Set<string>();
  /** Looked at once is enough in one run. */
  readonly #examined = new Set<string>();

  constructor(run: VerifyRun, checks: StoreChecks) {
    this.#run = run;
    this.#verifier = new PointVerifier(run.vault.store, {
      checks,
      signal: run.context.signal,
      onBadRead: ({ object }) => {
        run.tally.secondReads++;
        const packId = packIn(object);
        if (packId !== undefined) this.#suspects.add(packId);
      },
    });
  }

  /** `like`: a verified point; what the two share is not opened. */
  async point(point: RecoveryPoint, like: RecoveryPoint | undefined): Promise<void> {
    const { context, tally, startedAt } = this.#run;
    const isSound = (await this.#open(point, like)) || ((await this.#mended()) && (await this.#open(point, like)));
    await this.#examine();
    tally.points++;
    await markPointVerified(context.db.queries, point, isSound ? startedAt : null);
  }

  async #open(point: RecoveryPoint, like: RecoveryPoint | undefined): Promise<boolean> {
    const { context, vault, vaultId, tally, startedAt } = this.#run;
    const { queries } = context.db;
    const verifier = this.#verifier;
    const before = { count: verifier.damageCount, bytes: verifier.checkedBytes, damages: verifier.damages.length };
    for (const { lun, name, diskId, root } of point.disks) {
      const known = like?.disks.find((disk) => disk.lun === lun && disk.diskId === diskId);
      const disk = { lun, name, diskId, root: root as unknown as DiskRoot };
      await verifier.verifyDisk(point.id, disk, known?.root as DiskRoot | undefined);
    }
    tally.openedBytes += verifier.checkedBytes - before.bytes;
    for (const packId of this.#suspects) await suspectPack(queries, vaultId, packId, startedAt);
    const objects = new Set(verifier.damages.slice(before.damages).map(({ object }) => object));
    for (const packId of new Set([...objects].map(packIn))) {
      if (packId === undefined) continue;
      await markPackDamaged(queries, vaultId, { packId }, startedAt);
      forgetPacks(vault, [packId]);
      this.#suspects.add(packId);
    }
    return verifier.damageCount === before.count;
  }

  /** True when something was repaired, so that it is worth looking once more. */
  async #mended(): Promise<boolean> {
    const { tally } = this.#run;
    const before = tally.repaired;
    await this.#examine();
    return tally.repaired > before;
  }

  async #examine(): Promise<void> {
    const packs = new Set([...this.#suspects].filter((packId) => !this.#examined.has(packId)));
    this.#suspects.clear();
    for (const packId of packs) this.#examined.add(packId);
    if (packs.size > 0) await scrubSuspects(this.#run, packs);
  }
}
