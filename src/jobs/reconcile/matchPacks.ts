import { movePacks } from '../../db/packs.ts';
import { markPackDamaged } from '../../db/packVerification.ts';
import {
  adoptPacks,
  type FoundPack,
  itemsWithCommits,
  packsOfFolder,
  publishedCommits,
  recordEndedSession,
  takeBackCondemnations,
  toTrash,
} from '../../db/reconciliation.ts';
import { isCoded } from '../../lib/error.ts';
import { affectedRanges, type LostPacks, SoundSubtrees } from '../../store/affectedRanges.ts';
import { describePack, type ListedPack, listPackFolder, PACK_FOLDERS } from '../../store/packListing.ts';
import type { JobContext } from '../context.ts';
import { forgetPacks } from '../noteDamage.ts';
import type { OpenVault } from '../vaultStores.ts';
import { assertNotThere } from './dropCommits.ts';
import { note } from './report.ts';

const TRASH_MS = 7 * 24 * 60 * 60 * 1000;
const IN_STORE: ReadonlySet<string> = new Set(['live', 'condemned', 'compacting']);

/**
 * Makes the database's packs those of the store, a 256th of them at a time: unknown ones are adopted, whatever was on
 * its way out starts anew, and what the store has no more is `gone`, or damaged where a point needs it.
 * Errors: StoreLies, StoreIoFailed.
 */
export async function matchPacks(context: JobContext, vault: OpenVault): Promise<void> {
  const { db, clock, job } = context;
  const { vaultId } = vault.store;
  const sessionId = `reconcile-${job.id}`;
  await db.transaction(async (tx) => {
    await recordEndedSession(tx, { id: sessionId, vaultId, jobId: job.id, now: clock.now() });
    await takeBackCondemnations(tx, vaultId);
  });
  const missing: string[] = [];
  for (const folder of PACK_FOLDERS) {
    context.signal.throwIfAborted();
    missing.push(...(await matchFolder(context, vault, folder, sessionId)));
  }
  await giveUp(context, vault, missing);
}

/** The folder's packs that the database has and the store has not. */
async function matchFolder(
  context: JobContext,
  { store }: OpenVault,
  folder: string,
  sessionId: string,
): Promise<readonly string[]> {
  const { db, clock } = context;
  const { backend, structKeys, vaultId } = store;
  const known = await packsOfFolder(db.queries, vaultId, folder);
  const listed = await listPackFolder(backend, folder);
  const found: FoundPack[] = [];
  const replaced: string[] = [];
  for (const pack of listed.values()) {
    context.signal.throwIfAborted();
    const row = known.get(pack.packId);
    if (row?.state === 'deleting') continue; // its deletion goes on
    if (row && IN_STORE.has(row.state) && row.name === pack.objects[0]!.name) continue;
    const described = await describePack(backend, structKeys, pack);
    if (!described) continue; // whoever needs it meets the damage; nobody else misses it
    if (described.name !== row?.name || !IN_STORE.has(row.state)) found.push(described);
    replaced.push(...olderThan(pack, described.name));
  }
  if (found.length > 0 || replaced.length > 0) {
    await db.transaction(async (tx) => {
      await adoptPacks(tx, vaultId, found, { sessionId, now: clock.now() });
      await toTrash(tx, vaultId, replaced, clock.now() + TRASH_MS);
      await note(tx, context, { kind: 'packs', name: folder, adopted: found.length, lost: 0 });
    });
  }
  const missing = [...known.values()].filter((row) => IN_STORE.has(row.state) && !listed.has(row.packId));
  for (const { name } of missing) await assertNotThere(backend, name);
  return missing.map(({ packId }) => packId);
}

/** Generations below the one that is used. */
const olderThan = ({ objects }: ListedPack, name: string): readonly string[] =>
  objects.slice(objects.findIndex((object) => object.name === name) + 1).map((object) => object.name);

/** What no point needs was collected by somebody; what one needs is a damage: the next backup stores it anew. */
async function giveUp(context: JobContext, vault: OpenVault, missing: readonly string[]): Promise<void> {
  if (missing.length === 0) return;
  const { db, clock } = context;
  const { vaultId } = vault.store;
  const needed = await isAnyNeeded(context, vault, new Map(missing.map((packId) => [packId, 'all'] as const)));
  await db.transaction(async (tx) => {
    if (needed) for (const packId of missing) await markPackDamaged(tx, vaultId, { packId }, clock.now());
    else
      for (const state of ['live', 'condemned', 'compacting'] as const)
        await movePacks(tx, vaultId, missing, state, 'gone');
    await note(tx, context, { kind: 'packs', name: 'lost', adopted: 0, lost: missing.length });
  });
  forgetPacks(vault, missing);
}

async function isAnyNeeded(context: JobContext, { store }: OpenVault, lost: LostPacks): Promise<boolean> {
  const { db, signal } = context;
  const walk = { backend: store.backend, keys: store.structKeys, lost, sound: new SoundSubtrees(), signal };
  for (const itemId of await itemsWithCommits(db.queries, store.vaultId)) {
    for (const { name } of await publishedCommits(db.queries, store.vaultId, itemId)) {
      const body = await store.openCommit(name).catch((error: unknown) => {
        if (isCoded(error, 'StoreDataDamaged') || isCoded(error, 'StoreObjectMissing')) return undefined;
        throw error;
      });
      for (const { root } of body?.disks ?? []) for await (const _range of affectedRanges(walk, root)) return true;
    }
  }
  return false;
}
