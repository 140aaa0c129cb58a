import { deletedCommitNames, packsOfFolder, unknownCommitNames } from '../../db/reconciliation.ts';
import { promisedSha256 } from '../../store/objectHash.ts';
import { PACK_FOLDERS } from '../../store/packListing.ts';
import { eachOf } from './eachOf.ts';
import { goodBytesOf, lockAs, putGood } from './goodBytes.ts';
import { removeObject } from './removeLetGo.ts';
import { COMMIT_PREFIXES, listingOf, OTHER_PREFIXES, type Replica, type ReplicateRun } from './run.ts';

/** Some of the store: the names that the database holds on to, and those that it has let go. */
interface Part {
  readonly prefix: string;
  judge(names: readonly string[], listings: Listings): Promise<Judged>;
}

interface Judged {
  /** Every copy should have them. */
  readonly wanted: ReadonlySet<string>;
  readonly letGo: readonly string[];
}

/**
 * Makes the copies of a store equal: what one lacks comes from another whose bytes have the name's SHA-256, what the
 * database has let go is deleted, and nothing is overwritten. Packs before commit objects. A place that fails is left
 * alone for the rest of the run.
 */
export async function compareCopies(run: ReplicateRun, replicas: readonly Replica[]): Promise<void> {
  for (const part of partsOf(run, replicas)) {
    run.context.signal.throwIfAborted();
    const listings = await listAll(replicas, part.prefix);
    const names = [...new Set([...listings.values()].flatMap((listing) => [...listing.keys()]))].sort();
    const { wanted, letGo } = await part.judge(names, listings);
    await eachOf(wanted, (name) => settle(run, name, listings));
    await eachOf(letGo, (name) => remove(run, name, listings));
  }
}

function* partsOf(run: ReplicateRun, replicas: readonly Replica[]): Iterable<Part> {
  const db = run.context.db.queries;
  const { vaultId } = run.vault.store;
  for (const folder of PACK_FOLDERS)
    yield {
      prefix: `p/${folder}/`,
      async judge(names) {
        const rows = [...(await packsOfFolder(db, vaultId, folder)).values()];
        const held = rows.filter(({ state }) => state !== 'gone' && state !== 'deleting');
        const gone = new Set(rows.filter(({ state }) => state === 'gone').map(({ packId }) => packId));
        // what the database does not know was not written down yet, or is a collection's to judge
        const letGo = names.filter((name) => gone.has(name.slice(5, 37)));
        return { wanted: new Set(held.map(({ name }) => name)), letGo };
      },
    };
  yield { prefix: 'keys/', judge: async (names, listings) => judgeKeys(names, [...listings.values()], replicas) };
  for (const prefix of OTHER_PREFIXES.filter((other) => other !== 'keys/'))
    yield { prefix, judge: async (names) => ({ wanted: new Set(names), letGo: [] }) };
  for (const prefix of COMMIT_PREFIXES)
    yield {
      prefix,
      async judge(names) {
        const letGo = await deletedCommitNames(db, vaultId, names);
        const others = new Set([...letGo, ...(await unknownCommitNames(db, vaultId, names))]);
        return { wanted: new Set(names.filter((name) => !others.has(name))), letGo };
      },
    };
}

/**
 * An older keys object that few copies have was forgotten, and came back with a place that was away: it would open
 * the vault to an old key. The newest is never let go, nor anything while a place does not answer.
 */
function judgeKeys(
  names: readonly string[],
  listings: readonly Map<string, number>[],
  replicas: readonly Replica[],
): Judged {
  const numberOf = (name: string) => Number(name.slice('keys/'.length));
  const newest = Math.max(...names.map(numberOf));
  const isStray = (name: string) =>
    numberOf(name) < newest && listings.filter((listing) => listing.has(name)).length * 2 < replicas.length;
  const strays = names.filter(isStray);
  const wanted = new Set(names.filter((name) => !isStray(name)));
  return { wanted, letGo: listings.length === replicas.length ? strays : [] };
}

type Listings = ReadonlyMap<Replica, Map<string, number>>;

async function listAll(replicas: readonly Replica[], prefix: string): Promise<Listings> {
  const listings = new Map<Replica, Map<string, number>>();
  await Promise.all(
    replicas.map((replica) =>
      attempt(replica, async () => void listings.set(replica, await listingOf(replica.backend, prefix))),
    ),
  );
  return listings;
}

/** Every copy that answers gets the object with the right bytes, locked as the copy that gave them. */
async function settle(run: ReplicateRun, name: string, listings: Listings): Promise<void> {
  const copies = [...listings].filter(([replica]) => replica.failure === undefined);
  const sizes = new Set(copies.map(([, listing]) => listing.get(name)));
  if (sizes.size === 1 && !sizes.has(undefined)) return;
  run.context.signal.throwIfAborted();
  let good: GoodCopy | undefined;
  const bad: Replica[] = [];
  // all are read when their sizes differ: one of them is wrong
  const isOneWrong = sizes.size > (sizes.has(undefined) ? 2 : 1);
  for (const [replica, listing] of copies) {
    if (!listing.has(name) || (good && !isOneWrong)) continue;
    await attempt(replica, async () => {
      const bytes = await goodBytesOf(replica.backend, name);
      if (bytes) good ??= { bytes, from: replica };
      else bad.push(replica);
    });
  }
  const lacking = copies.filter(([, listing]) => !listing.has(name)).map(([replica]) => replica);
  if (!good || (isOneWrong && promisedSha256(name) === undefined)) run.tally.lost++;
  for (const replica of [...lacking, ...bad]) {
    if (!good || !(await give(run, replica, name, good, bad.includes(replica)))) replica.missing++;
  }
}

interface GoodCopy {
  readonly bytes: Uint8Array;
  readonly from: Replica;
}

/** False: it could not be given. */
async function give(
  run: ReplicateRun,
  replica: Replica,
  name: string,
  { bytes, from }: GoodCopy,
  isBad: boolean,
): Promise<boolean> {
  let isGiven = false;
  await attempt(replica, async () => {
    if (isBad && !(await removeObject(replica.backend, name))) return; // the storage keeps the wrong bytes for now
    await putGood(replica.backend, name, bytes, run.context.signal);
    await lockAs(from.backend, replica.backend, name);
    run.tally[isBad ? 'replaced' : 'copied']++;
    run.tally.copiedBytes += bytes.length;
    isGiven = true;
  });
  run.context.signal.throwIfAborted();
  return isGiven;
}

async function remove(run: ReplicateRun, name: string, listings: Listings): Promise<void> {
  for (const [replica, listing] of listings) {
    if (!listing.has(name) || replica.failure !== undefined) continue;
    await attempt(replica, async () => {
      // what the storage keeps goes in a later run
      if (await removeObject(replica.backend, name)) run.tally.removed++;
    });
  }
}

/** A place's failure is that place's, not the run's. */
async function attempt(replica: Replica, work: () => Promise<void>): Promise<void> {
  if (replica.failure !== undefined) return;
  try {
    await work();
  } catch (error) {
    replica.failure = error;
  }
}
