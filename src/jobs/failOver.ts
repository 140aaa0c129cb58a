import { listItems } from '../db/items.ts';
import { allPoints } from '../db/points.ts';
import { changeStoreState, getStoreState } from '../db/storeStates.ts';
import { CodedError } from '../lib/error.ts';
import type { JsonObject } from '../vault/json.ts';
import { isVaulted } from '../vault/recoveryPoint.ts';
import type { VaultLayout } from '../vault/redundancy.ts';
import type { JobTools } from './context.ts';
import type { FailedOver } from './vaultPlaces.ts';

type FailOverTools = Pick<JobTools, 'db' | 'clock' | 'stores'>;

/**
 * From now on the vault is read from its secondary: its points are those that the secondary lists, and nothing is
 * stored until it is failed back. Doing it twice does no harm. Errors: StorePlaceUnsuitable (it has none), those of
 * the secondary.
 */
export async function failOver(tools: FailOverTools, vaultId: string): Promise<FailedOver> {
  const { db, clock, stores } = tools;
  const { store } = await stores.openSecondary(vaultId);
  const listed = new Set<string>();
  for await (const { name } of store.commits()) listed.add(name);
  const missingPoints: string[] = [];
  for (const { id } of await listItems(db.queries, { vaultId }))
    for (const point of await allPoints(db.queries, id, { vaultedOnly: true }))
      if (isVaulted(point) && !listed.has(point.vaulted!.commitName)) missingPoints.push(point.id);
  const failedOver = await db.transaction(async (tx) => {
    const before = (await getStoreState(tx, vaultId)).replication;
    const at = (before?.failedOver as FailedOver | undefined)?.at ?? clock.now();
    const replication = { ...before, failedOver: { at, missingPoints } };
    await changeStoreState(tx, vaultId, { replication });
    return replication.failedOver;
  });
  stores.forget(vaultId);
  return failedOver;
}

/** The vault is its own again. Errors: those of its places, while they do not answer; then it stays failed over. */
export async function failBack({ db, stores }: FailOverTools, vaultId: string): Promise<void> {
  await stores.openPrimary(vaultId);
  await changeReplication(db, vaultId);
  stores.forget(vaultId);
}

/**
 * What was lost stays lost: the vault lives on in its secondary, and the database is reconciled with what is there
 * before backups go on. Errors: Conflict (it is not failed over).
 */
export async function makeSecondaryPrimary({ db, clock, stores }: FailOverTools, vaultId: string): Promise<void> {
  const { replication } = await getStoreState(db.queries, vaultId);
  if (!replication?.failedOver)
    throw new CodedError('Conflict', `The vault ${vaultId} is not failed over.`, {
      target: vaultId,
      recommendations: ['Fail it over first, and see whether all that you need is there.'],
    });
  const { secondary } = await stores.layoutOf(vaultId);
  const quorum = Math.floor(secondary.length / 2) + 1;
  const layout: VaultLayout = { kind: 'local', primary: secondary, quorum, secondary: [] };
  const why = ['The secondary became the primary: points that were not copied in time are lost.'];
  await db.transaction((tx) =>
    changeStoreState(tx, vaultId, {
      layout: layout as unknown as JsonObject,
      replication: undefined,
      reconcile: { since: clock.now(), why },
    }),
  );
  stores.forget(vaultId);
}

const changeReplication = (db: JobTools['db'], vaultId: string): Promise<unknown> =>
  db.transaction(async (tx) => {
    const { failedOver: _failedOver, ...replication } = (await getStoreState(tx, vaultId)).replication ?? {};
    return changeStoreState(tx, vaultId, { replication: replication as JsonObject });
  });
