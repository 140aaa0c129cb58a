import type { StoreState } from '../../db/storeStates.ts';
import { type Clock, isoTime } from '../../lib/clock.ts';
import { CodedError, isCoded } from '../../lib/error.ts';
import type { Backend } from '../../store/backend.ts';
import type { OpenVault } from '../vaultStores.ts';
import type { CollectSettings } from './settings.ts';

export interface Brake {
  /** Why nothing is collected, in words. */
  readonly why: string;
  readonly whatToDo: string;
  /** An operator's approval lifts it. */
  readonly isLiftable: boolean;
}

/** What holds a collection back before it looks at anything; empty: nothing does. */
export async function brakesOf(
  vault: Pick<OpenVault, 'reaper' | 'secondary'>,
  state: StoreState,
  clock: Clock,
  settings: CollectSettings,
): Promise<readonly Brake[]> {
  return [
    ...reconcileBrake(state),
    ...clockBrakes(state, clock.now(), settings),
    ...(await storageClockBrake(vault.reaper, clock, settings)),
    ...(await placeBrakes(vault)),
    ...databaseCopyBrake(state, clock.now(), settings),
  ];
}

/** Those that stand when the operator has approved or not. Errors: StoreReconcileRequired, CollectRefused. */
export const applyBrakes = (brakes: readonly Brake[], isApproved: boolean): void => {
  const standing = brakes.filter((brake) => !(isApproved && brake.isLiftable));
  if (standing.length === 0) return;
  throw new CodedError(
    standing[0] === brakes.find(isReconcile) ? 'StoreReconcileRequired' : 'CollectRefused',
    `Nothing was collected: ${standing.map(({ why }) => why).join('; ')}.`,
    { recommendations: standing.map(({ whatToDo }) => whatToDo) },
  );
};

const RECONCILE = 'Reconcile the vault with its store.';
const isReconcile = ({ whatToDo }: Brake): boolean => whatToDo === RECONCILE;

const reconcileBrake = ({ reconcile }: StoreState): readonly Brake[] =>
  reconcile
    ? [{ why: `database and store disagree (${reconcile.why.join('; ')})`, whatToDo: RECONCILE, isLiftable: false }]
    : [];

const clockBrakes = ({ lastCollect }: StoreState, now: number, settings: CollectSettings): readonly Brake[] => {
  const last = lastCollect?.at ?? 0;
  if (last === 0) return [];
  const whatToDo = 'Look at the clock of this server; if it is right, run the collection again with approval.';
  if (now < last)
    return [{ why: `the last run was at ${isoTime(last)}, which is yet to come`, whatToDo, isLiftable: true }];
  if (now - last <= settings.longestPauseMs) return [];
  const days = Math.floor((now - last) / 86_400_000);
  return [{ why: `the last run was ${days} days ago: the clock may have jumped`, whatToDo, isLiftable: true }];
};

const storageClockBrake = async (
  reaper: Backend,
  clock: Clock,
  settings: CollectSettings,
): Promise<readonly Brake[]> => {
  // one that does not answer is a brake of its own, below
  const there = await reaper.storageNow?.().catch((error: unknown) => {
    if (!isCoded(error)) throw error;
  });
  if (there === undefined) return [];
  const difference = Math.abs(there - clock.now());
  if (difference <= settings.clockDifferenceMs) return [];
  const minutes = Math.round(difference / 60_000);
  return [
    {
      why: `the storage's clock (${isoTime(there)}) is ${minutes} minutes from this server's`,
      whatToDo: 'Set the clock that is wrong; expiry and locks go by both.',
      isLiftable: false,
    },
  ];
};

/** A place that is away would keep what is deleted elsewhere, commit objects among it. */
const placeBrakes = async ({ reaper, secondary }: Pick<OpenVault, 'reaper' | 'secondary'>): Promise<Brake[]> => {
  const places: [string, Backend][] = (reaper.copies ?? [reaper]).map((copy, i) => [`copy ${i + 1}`, copy]);
  if (secondary) places.push(['the secondary', secondary]);
  const brakes: Brake[] = [];
  for (const [place, backend] of places) {
    const problem = await problemOf(backend);
    if (problem === undefined) continue;
    const whatToDo = `Make ${place} of the store reachable, or take it out of the vault's places.`;
    brakes.push({ why: `${place} of the store cannot be reached (${problem})`, whatToDo, isLiftable: false });
  }
  return brakes;
};

const problemOf = async (backend: Backend): Promise<string | undefined> => {
  try {
    return (await backend.head('fmt')) ? undefined : "it has no object 'fmt'";
  } catch (error) {
    if (isCoded(error)) return error.message;
    throw error;
  }
};

const databaseCopyBrake = ({ databaseCopy }: StoreState, now: number, settings: CollectSettings): readonly Brake[] => {
  if (!settings.requireDatabaseCopy) return [];
  const at = databaseCopy?.at;
  if (at !== undefined && now - at <= settings.databaseCopyMs) return [];
  const why =
    at === undefined
      ? 'the store holds no copy of the database'
      : `the newest copy of the database in the store is of ${isoTime(at)}`;
  return [{ why, whatToDo: 'Let the hourly copy of the database succeed first.', isLiftable: false }];
};
