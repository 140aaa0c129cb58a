import {
  bytesUnverifiedSince,
  coverageOf,
  markPackDamaged,
  markPacksVerified,
  newBytesSince,
  type PackToVerify,
  packsToVerify,
  suspectPack,
  suspectPacks,
} from '../../db/packVerification.ts';
import { getStoreState } from '../../db/storeStates.ts';
import { DAY_MS } from '../../lib/clock.ts';
import { lostSlotsOf } from '../../store/lostSlots.ts';
import { scrubAndRepair } from '../../store/repair.ts';
import { forgetPacks } from '../noteDamage.ts';
import { tell, type VerifyRun } from './run.ts';

/** Every object is compared with its name within 30 days; a day's share leaves room for days on which nothing ran. */
const WITHIN_MS = 30 * DAY_MS;
const SHARES = 25;
const PAGE = 200;

/**
 * Packs that somebody stumbled over, and those known to be damaged: they may have been mended since. `only` these,
 * where it is given.
 */
export async function scrubSuspects(run: VerifyRun, only?: ReadonlySet<string>): Promise<void> {
  const { db } = run.context;
  for (let after: string | undefined; ; ) {
    const page = { limit: PAGE, ...(after !== undefined && { after }) };
    const packs = await suspectPacks(db.queries, run.vaultId, page);
    for (const pack of packs) if (only?.has(pack.packId) ?? true) await scrubPack(run, pack);
    if (packs.length < PAGE) return;
    after = packs.at(-1)!.packId;
  }
}

/** Least recently verified first, until the day's share is done. What a dead run did is not done again. */
export async function scrubPacks(run: VerifyRun, budgetBytes?: number): Promise<void> {
  const { db } = run.context;
  let left = budgetBytes ?? (await dailyShare(run));
  for (let after: PackToVerify | undefined; left > 0; ) {
    const page = { limit: PAGE, verifiedBefore: run.startedAt, ...(after && { after }) };
    const packs = await packsToVerify(db.queries, run.vaultId, page);
    for (const pack of packs) {
      if (left <= 0) return;
      await scrubPack(run, pack);
      left -= pack.sizeBytes;
    }
    if (packs.length < PAGE) return;
    after = packs.at(-1)!;
  }
}

/** In bytes: a share of the whole, or all that is nearly due, and what was written since the last run. */
async function dailyShare({ context: { db }, vaultId, startedAt }: VerifyRun): Promise<number> {
  const { sizeBytes } = await coverageOf(db.queries, vaultId);
  const due = await bytesUnverifiedSince(db.queries, vaultId, startedAt - WITHIN_MS + DAY_MS);
  const last = (await getStoreState(db.queries, vaultId)).lastVerify?.at ?? startedAt - DAY_MS;
  const fresh = await newBytesSince(db.queries, vaultId, last);
  return Math.max(Math.ceil(sizeBytes / SHARES), due) + fresh;
}

async function scrubPack(run: VerifyRun, pack: PackToVerify): Promise<void> {
  const { context, vaultId, tally, startedAt } = run;
  const { db, signal, clock } = context;
  signal.throwIfAborted();
  const report = await scrubAndRepair(run.places, pack.name);
  tally.objects++;
  tally.bytes += report.readBytes;
  tally.repaired += report.repaired;
  tally.secondReads += report.secondReads;
  for (const why of report.waiting) tell(tally.waiting, why);
  if (report.repaired > 0) context.log.warn({ vault: vaultId, pack: pack.name }, 'a bad copy of a pack was replaced');
  if (report.verdict === 'unknown') return;
  const why = report.damages[0]?.message;
  if (report.verdict === 'damaged') return markDamaged(run, pack, why ?? 'it is damaged');
  if (pack.damagedAt !== null && (await isLostInside(run, pack))) {
    return markDamaged(run, pack, `${pack.name}: it holds records that do not open.`);
  }
  await markPacksVerified(db.queries, vaultId, [pack.packId], startedAt);
  if (report.waiting.length > 0) await suspectPack(db.queries, vaultId, pack.packId, clock.now());
}

/** Its bytes are those of its name and yet somebody could not open it: it was stored so. */
async function isLostInside({ context, vault }: VerifyRun, { packId }: PackToVerify): Promise<boolean> {
  const { backend, workerKeys } = vault.store;
  const lost = await lostSlotsOf(backend, workerKeys, packId, context.signal);
  return lost === 'all' || lost.size > 0;
}

async function markDamaged(run: VerifyRun, { packId, name }: PackToVerify, why: string): Promise<void> {
  const { context, vaultId, vault, tally, startedAt } = run;
  // the pack may have got another object, or have been let go, while it was read
  if (!(await markPackDamaged(context.db.queries, vaultId, { packId, name }, startedAt))) return;
  forgetPacks(vault, [packId]);
  tell(tally.damaged, name);
  context.log.error({ vault: vaultId, pack: packId, why }, 'a pack is damaged and no good copy is left');
}
