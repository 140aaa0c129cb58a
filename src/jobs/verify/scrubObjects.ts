import { publishedCommits } from '../../db/publishedCommits.ts';
import { changeStoreState, getStoreState } from '../../db/storeStates.ts';
import { isCoded } from '../../lib/error.ts';
import { deletionMarkBytes, putDeletionMark } from '../../store/deletionMark.ts';
import { gcName } from '../../store/ownership.ts';
import { type ObjectReport, scrubAndRepair } from '../../store/repair.ts';
import { remakeCommit } from './remakeCommit.ts';
import { tell, type VerifyRun } from './run.ts';

const FORMAT = 'fmt';
/** Objects by listing; commit objects are known to the database, which a listing could hide. */
const LISTED = ['keys/', 'ck/', 'db/', 'own/', 'gc/'];
const PAGE = 500;

/** Everything but packs, in each run: it is little, and all depends on it. */
export async function scrubObjects(run: VerifyRun): Promise<void> {
  await scrubFormat(run);
  await scrubDeletionMark(run);
  for (const prefix of LISTED) for (const name of await namesOf(run, prefix)) await scrubListed(run, name);
  await scrubCommits(run);
}

/** The keys are open, so a lost `fmt` is made again. */
async function scrubFormat(run: VerifyRun): Promise<void> {
  const { places, vault, context, tally } = run;
  const { store, reaper } = vault;
  const report = await examine(run, FORMAT, (bytes) => store.isFormat(bytes));
  if (report.verdict !== 'damaged') return;
  try {
    if (report.damages.some(({ kind }) => kind !== 'missing')) await reaper.delete(FORMAT);
    await reaper.put(FORMAT, store.newFormat(context.clock.now()));
  } catch (error) {
    if (!isCoded(error)) throw error;
    tell(tally.damaged, FORMAT);
    return tell(tally.waiting, error.message);
  }
  const again = await scrubAndRepair(places, FORMAT, (bytes) => store.isFormat(bytes));
  if (again.verdict !== 'sound') return tell(tally.damaged, FORMAT);
  tally.repaired++;
  context.log.warn({ vault: run.vaultId }, "the store's object 'fmt' was lost and made again");
}

/** The newest one keeps an old database from believing in what is gone; the database knows its bytes. */
async function scrubDeletionMark(run: VerifyRun): Promise<void> {
  const { vaultId, vault, context, tally } = run;
  const { gcSeq, collection } = await getStoreState(context.db.queries, vaultId);
  if (gcSeq === 0 || collection === undefined) return;
  const mark = { vaultId, gcSeq, token: collection.token };
  const bytes = deletionMarkBytes(mark);
  const name = gcName(gcSeq);
  const { verdict, damages } = await examine(run, name, (found) => Buffer.compare(found, bytes) === 0);
  if (verdict !== 'damaged') return;
  if (damages.every(({ kind }) => kind === 'missing') && (await putDeletionMark(vault.reaper, mark))) tally.repaired++;
  // other bytes may be the mark of another database: nothing of that is touched
  else tell(tally.damaged, name);
}

async function scrubListed(run: VerifyRun, name: string): Promise<void> {
  const report = await examine(run, name);
  if (report.verdict !== 'damaged') return;
  tell(run.tally.damaged, name);
  run.context.log.error({ vault: run.vaultId, object: name, why: report.damages[0]?.message }, 'an object is damaged');
  await forgetCopy(run, name);
}

/** A copy of the database, or a checkpoint, that is damaged does not count: the next one is made at once. */
async function forgetCopy({ context: { db }, vaultId }: VerifyRun, name: string): Promise<void> {
  await db.transaction(async (tx) => {
    const { databaseCopy, checkpoint } = await getStoreState(tx, vaultId);
    if (databaseCopy && Object.values(databaseCopy).includes(name))
      await changeStoreState(tx, vaultId, { databaseCopy: undefined });
    if (checkpoint && Object.values(checkpoint).includes(name))
      await changeStoreState(tx, vaultId, { checkpoint: undefined });
  });
}

async function scrubCommits(run: VerifyRun): Promise<void> {
  const { db } = run.context;
  for (let after = 0; ; ) {
    const commits = await publishedCommits(db.queries, run.vaultId, { after, limit: PAGE });
    for (const commit of commits) {
      const report = await examine(run, commit.name);
      if (report.verdict === 'damaged') await remakeCommit(run, commit, report);
    }
    if (commits.length < PAGE) return;
    after = commits.at(-1)!.cseq;
  }
}

async function examine(run: VerifyRun, name: string, isSound?: (bytes: Uint8Array) => boolean): Promise<ObjectReport> {
  const { context, places, tally } = run;
  context.signal.throwIfAborted();
  const report = await scrubAndRepair(places, name, isSound);
  tally.objects++;
  tally.bytes += report.readBytes;
  tally.repaired += report.repaired;
  tally.secondReads += report.secondReads;
  for (const why of report.waiting) tell(tally.waiting, why);
  return report;
}

/** In any place but the secondary, which has its own order of filling. */
async function namesOf({ places, tally }: VerifyRun, prefix: string): Promise<ReadonlySet<string>> {
  const names = new Set<string>();
  for (const { backend, isSecondary } of places) {
    if (isSecondary) continue;
    try {
      for await (const { name } of backend.list(prefix)) names.add(name);
    } catch (error) {
      if (!isCoded(error, 'StoreIoFailed') && !isCoded(error, 'StoreQuorumMissing')) throw error;
      tell(tally.waiting, `${prefix}: a place does not answer: ${error.message}`);
    }
  }
  return names;
}
