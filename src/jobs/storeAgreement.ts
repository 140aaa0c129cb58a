import { randomUUID } from 'node:crypto';
import { endJobsOfVault } from '../db/endJobs.ts';
import { unknownCommitNames } from '../db/reconciliation.ts';
import { changeStoreState, getStoreState, type StoreState } from '../db/storeStates.ts';
import { allVaults, getVault } from '../db/vaults.ts';
import { isoTime } from '../lib/clock.ts';
import { CodedError, isCoded } from '../lib/error.ts';
import { forgetClaims, hasGc, highestClaim, putClaim, type StoreClaim } from '../store/ownership.ts';
import type { JobTools } from './context.ts';
import type { OpenVault } from './vaultStores.ts';

export type AgreementTools = Pick<JobTools, 'db' | 'clock' | 'log' | 'stores'>;

/** `quick`: two requests to the storage; `full`: all commit objects are listed as well. */
export type AgreementDepth = 'quick' | 'full';

/** Stores that this process has compared with the database once, from end to end. */
const compared = new WeakMap<OpenVault, Promise<void>>();
const BATCH = 500;

/**
 * Opens the vault and makes sure that the database is not older than the store, and that no other server has taken
 * the store over; the first time in a process it looks at everything and claims the store for this server. Ask before
 * every decision that adds points or frees space. docs/lost-database.md.
 * Errors: StoreReconcileRequired; VaultFailedOver; those of VaultStores.open.
 */
export async function assertStoreAgrees(
  tools: AgreementTools,
  vaultId: string,
  depth: AgreementDepth = 'quick',
): Promise<OpenVault> {
  const vault = await tools.stores.open(vaultId);
  if (vault.failedOver) throw failedOver(vaultId, vault.failedOver.at);
  const { reconcile } = await getStoreState(tools.db.queries, vaultId);
  if (reconcile) throw await reconcileRequired(tools, vaultId, reconcile.why);
  // a secondary is behind by nature, and nothing is written to it
  if (vault.failedOver) return vault;
  const first = compared.get(vault);
  if (first) await first;
  if (first && depth === 'quick') await hold(tools, vaultId, await quickFaults(tools, vault));
  else if (first) await hold(tools, vaultId, await fullFaults(tools, vault));
  else await compareFirst(tools, vault);
  return vault;
}

/**
 * Compares all vaults before any job runs. Where the database turns out to be old, the jobs that it believes to be
 * under way are ended: running a restore of last week once more would overwrite what came after it.
 */
export async function compareAtStart(tools: AgreementTools): Promise<void> {
  const { db, clock, log } = tools;
  for (const { id, provisioningState } of await allVaults(db.queries)) {
    if (provisioningState === 'Deleting') continue;
    try {
      if ((await getStoreState(db.queries, id)).reconcile) continue;
      await assertStoreAgrees(tools, id);
    } catch (error) {
      if (!isCoded(error, 'StoreReconcileRequired')) {
        log.error({ err: error, vault: id }, 'a store could not be compared with the database; its first use will');
        continue;
      }
      const { code, message, recommendations } = error;
      const ended = await db.transaction((tx) =>
        endJobsOfVault(tx, id, { code, message, recommendations }, clock.now()),
      );
      if (ended > 0) log.warn({ vault: id, jobs: ended }, 'jobs that an old database believed to be under way ended');
    }
  }
}

/** What an old database decides may be wrong: nothing is let go before it was reconciled. */
export const isReconcileDue = async (db: AgreementTools['db'], vaultId: string): Promise<boolean> => {
  const { reconcile, replication } = await getStoreState(db.queries, vaultId);
  return reconcile !== undefined || replication?.failedOver !== undefined;
};

/** Takes the store over from whoever claimed it last. Errors: Conflict (another server does the same just now). */
export async function claimStore(tools: AgreementTools, vault: OpenVault): Promise<StoreClaim> {
  const { db, clock, log } = tools;
  const { vaultId, backend } = vault.store;
  const known = (await getStoreState(db.queries, vaultId)).owner?.number ?? 0;
  const number = Math.max(known, (await highestClaim(backend))?.number ?? 0) + 1;
  const claim: StoreClaim = { number, instance: randomUUID(), since: clock.now() };
  // the database first: dying in between leaves it ahead of the store, which means nothing
  await db.transaction((tx) => changeStoreState(tx, vaultId, { owner: claim }));
  if (!(await putClaim(backend, claim))) {
    throw new CodedError('Conflict', `Another server claimed the store of vault ${vaultId} at this moment.`, {
      target: vaultId,
      recommendations: ['Stop the other server, then try again.'],
    });
  }
  await forgetClaims(vault.reaper, number - 1).catch((error: unknown) =>
    log.warn({ err: error, vault: vaultId }, 'old claims of the store could not be deleted'),
  );
  return claim;
}

async function compareFirst(tools: AgreementTools, vault: OpenVault): Promise<void> {
  const comparing = (async () => {
    const { vaultId } = vault.store;
    const faults = [...(await claimFaults(tools, vault)), ...(await fullFaults(tools, vault))];
    await hold(tools, vaultId, [...new Set(faults)]);
    await claimStore(tools, vault);
  })();
  compared.set(vault, comparing);
  try {
    await comparing;
  } catch (error) {
    compared.delete(vault);
    throw error;
  }
}

/** Whose the store was when it was last claimed. */
async function claimFaults({ db }: AgreementTools, { store }: OpenVault): Promise<readonly string[]> {
  const { owner } = await getStoreState(db.queries, store.vaultId);
  const top = await highestClaim(store.backend);
  if (!top || top.number < (owner?.number ?? 0)) return [];
  if (top.number === owner?.number && (top.instance === owner.instance || top.instance === '')) return [];
  return [claimedBy(top)];
}

async function fullFaults(tools: AgreementTools, vault: OpenVault): Promise<readonly string[]> {
  const unknown = await unknownCommits(tools, vault);
  const faults = await quickFaults(tools, vault);
  if (unknown === 0) return faults;
  return [...faults, `The store has ${unknown} recovery point(s) that the database does not know.`];
}

async function quickFaults(tools: AgreementTools, { store }: OpenVault): Promise<readonly string[]> {
  const faults: string[] = [];
  const gcSeq = await aheadBy(
    tools,
    store.vaultId,
    (state) => state.gcSeq,
    (number) => hasGc(store.backend, number),
  );
  if (gcSeq !== undefined) faults.push(`The store knows of deletion ${gcSeq + 1}, the database of ${gcSeq} only.`);
  // claims in between may have been forgotten, so the highest one is looked for
  const ownedBy = async (number: number) => ((await highestClaim(store.backend))?.number ?? 0) >= number;
  const owned = await aheadBy(tools, store.vaultId, (state) => state.owner?.number ?? 0, ownedBy);
  const top = owned === undefined ? undefined : await highestClaim(store.backend);
  return top ? [...faults, claimedBy(top)] : faults;
}

/** The database's number when the store has a higher one; the database is asked again, for it may just have counted. */
async function aheadBy(
  { db }: AgreementTools,
  vaultId: string,
  numberOf: (state: StoreState) => number,
  isInStore: (number: number) => Promise<boolean>,
): Promise<number | undefined> {
  for (;;) {
    const known = numberOf(await getStoreState(db.queries, vaultId));
    if (!(await isInStore(known + 1))) return undefined;
    if (numberOf(await getStoreState(db.queries, vaultId)) === known) return known;
  }
}

/** A commit is decided in the database before it is put: what is listed first and asked for then must be known. */
async function unknownCommits({ db }: AgreementTools, { store }: OpenVault): Promise<number> {
  let count = 0;
  let batch: string[] = [];
  const ask = async (): Promise<void> => {
    count += (await unknownCommitNames(db.queries, store.vaultId, batch)).length;
    batch = [];
  };
  for await (const { name } of store.commits()) if (batch.push(name) === BATCH) await ask();
  await ask();
  return count;
}

const claimedBy = ({ number, instance, since }: StoreClaim): string =>
  `The store is owned by the server instance ${instance || '(unreadable)'} since ${isoTime(since)} (claim ${number}), not by this one.`;

async function hold(tools: AgreementTools, vaultId: string, why: readonly string[]): Promise<void> {
  if (why.length === 0) return;
  const { db, clock, log } = tools;
  await db.transaction(async (tx) => {
    if ((await getStoreState(tx, vaultId)).reconcile) return;
    await changeStoreState(tx, vaultId, { reconcile: { since: clock.now(), why } });
  });
  log.warn({ vault: vaultId, why }, 'the database does not agree with the store: backups and collections wait');
  throw await reconcileRequired(tools, vaultId, why);
}

const failedOver = (vaultId: string, since: number): CodedError =>
  new CodedError(
    'VaultFailedOver',
    `The vault ${vaultId} is read from its secondary since ${isoTime(since)}: nothing is stored in it or deleted from it.`,
    {
      target: vaultId,
      recommendations: ['Fail the vault back when its places answer again, or make the secondary the primary.'],
    },
  );

async function reconcileRequired({ db }: AgreementTools, vaultId: string, why: readonly string[]): Promise<CodedError> {
  const vault = await getVault(db.queries, vaultId);
  const which = vault ? `--resource-group ${vault.resourceGroup} --vault-name ${vault.name}` : `(vault ${vaultId})`;
  return new CodedError(
    'StoreReconcileRequired',
    `The database does not agree with the store of vault ${vault?.name ?? vaultId}: ${why.join(' ')} Backups and collections wait; restores go on.`,
    {
      target: vaultId,
      recommendations: [
        'Make sure that no other server works on this store.',
        `Then run: strongroom vault reconcile ${which}`,
      ],
    },
  );
}
