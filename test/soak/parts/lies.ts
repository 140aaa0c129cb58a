import { Random } from '../../../bench/random.ts';
import { newestVaultedPoint } from '../../../src/db/points.ts';
import type { RecoveryPoint } from '../../../src/vault/recoveryPoint.ts';
import { FaultyBackend, LIES, type Lie } from '../faultyBackend.ts';
import { assertVault, Violation } from '../oracle.ts';
import type { Part, SoakRun } from '../part.ts';
import type { SoakProcess } from '../soakProcess.ts';
import { SoakRig } from '../soakRig.ts';
import { oneBackup } from './backupKills.ts';
import { agedVault } from './collectKills.ts';
import { assertPlaceIsWhole } from './replicaKills.ts';

const HOUR_MS = 3_600_000;

/**
 * A store lies: of three zones one, in every way and at every call; of a single one where it errs once. What a single
 * store loses while it says that it kept it is found by verifying, and the next backup stores it anew.
 */
export const lies: Part = {
  name: 'lies',
  run: async (run) => {
    for (const lies of byCall(LIES)) await everyLie(run, lies, oneZoneLies);
    const passing = LIES.filter((one) => one.startsWith('get') || one === 'listStale');
    const some = run.isLong ? passing : (['getOther', 'listStale'] as const);
    for (const lies of byCall(some)) await everyLie(run, lies, collectionIsLiedTo);
    for (const lies of byCall(passing)) await everyLie(run, lies, storeErrsOnce);
    for (const lie of ['putLost', 'putTruncated', 'putOther'] as const)
      for (let time = 0; time < (run.isLong ? 40 : 1); time++) {
        await storeLoses(run, lie);
        run.count('lies');
      }
  },
};

type Liar = (run: SoakRun, seed: number, lie: Lie, at: number) => Promise<number>;

/** Those told at the same calls. */
const byCall = (lies: readonly Lie[]): readonly (readonly Lie[])[] =>
  ['put', 'get', 'list'].map((call) => lies.filter((lie) => lie.startsWith(call))).filter((some) => some.length > 0);

/** Each at every call of the work; in a short run each at one. */
async function everyLie(run: SoakRun, lies: readonly Lie[], work: Liar): Promise<void> {
  const seed = run.random.uint32();
  const calls = await work(run, seed, lies[0]!, Number.POSITIVE_INFINITY);
  for (const lie of lies)
    for (const at of run.pick(calls, 1)) {
      if (run.isOver) return;
      await work(run, seed, lie, at);
      run.count('lies');
    }
}

/** One of three zones lies: nobody notices but verification, which mends it. Returns the calls it could lie at. */
async function oneZoneLies(run: SoakRun, seed: number, lie: Lie, at: number): Promise<number> {
  await using rig = await SoakRig.open({ random: new Random(seed), redundancy: 'ZoneRedundant', dataBytes: 1 << 20 });
  await oneBackup(rig);
  let liar: FaultyBackend | undefined;
  await using process = await rig.start({
    wraps: {
      wrap: (place, backend) => {
        if (place !== 'zone-a') return backend;
        liar ??= new FaultyBackend(backend, lie);
        return liar;
      },
    },
  });
  await process.settle();
  await rig.write(rig.items[0]!, 5);
  await rig.clock.turn(HOUR_MS);
  await process.tools.stores.open(rig.vaultId);
  const before = liar!.count;
  liar!.lieAt = before + at;
  const id = await process.requestBackup(rig.items[0]!);
  await process.settle();
  const { status, errors } = await process.job(id);
  if (!status.startsWith('Completed'))
    throw new Violation(`${lie} at ${at}: a backup says ${status} ${JSON.stringify(errors)}`);
  run.count('restores checked', await assertVault(process, { isDegraded: true }));
  const calls = liar!.count - before;
  if (Number.isFinite(at) && liar!.hits === 0)
    throw new Violation(`the ${lie} prepared at call ${at} of ${calls} was never hit`);
  await rig.clock.turn(HOUR_MS);
  await process.housekeep('Replicate');
  await process.housekeep('Verify');
  await assertPlaceIsWhole(process, 'zone-a');
  return calls;
}

/** A single store gives wrong bytes once: read again, and nothing is called damaged. */
async function storeErrsOnce(run: SoakRun, seed: number, lie: Lie, at: number): Promise<number> {
  await using rig = await SoakRig.open({ random: new Random(seed), dataBytes: 1 << 20 });
  await oneBackup(rig);
  let liar: FaultyBackend | undefined;
  await using process = await rig.start({
    wraps: { wrap: (_place, backend) => (liar ??= new FaultyBackend(backend, lie)) },
  });
  await process.settle();
  await rig.write(rig.items[0]!, 3);
  const before = liar!.count;
  liar!.lieAt = before + at;
  await process.requestBackup(rig.items[0]!);
  await process.settle();
  await process.housekeep('Verify');
  const calls = liar!.count - before;
  if (Number.isFinite(at) && liar!.hits === 0)
    throw new Violation(`the ${lie} prepared at call ${at} of ${calls} was never hit`);
  run.count('restores checked', await assertVault(process));
  const damaged = await process.db.queries
    .selectFrom('packs')
    .select('name')
    .where('damaged_at', 'is not', null)
    .execute();
  if (damaged.length > 0) throw new Violation(`${lie} once, at ${liar!.about}: ${damaged[0]!.name} was called damaged`);
  return calls;
}

/** A collection hears something wrong of a single store once: it may fail, and nothing that is needed may go. */
async function collectionIsLiedTo(run: SoakRun, seed: number, lie: Lie, at: number): Promise<number> {
  await using rig = await SoakRig.open({ random: new Random(seed), dataBytes: 1 << 20 });
  await agedVault(rig);
  let liar: FaultyBackend | undefined;
  await using process = await rig.start({
    wraps: { wrap: (_place, backend) => (liar ??= new FaultyBackend(backend, lie)) },
  });
  await process.requestBackup(rig.items[0]!); // a stale listing knows nothing of this
  await process.settle();
  const before = liar!.count;
  liar!.lieAt = before + at;
  for (const waitHours of [25, 25, 7 * 24]) {
    await process.housekeep('Collect', { approved: true });
    await rig.clock.turn(waitHours * HOUR_MS);
  }
  const calls = liar!.count - before;
  if (Number.isFinite(at) && liar!.hits === 0)
    throw new Violation(`the ${lie} prepared at call ${at} of ${calls} was never hit`);
  run.count('restores checked', await assertVault(process));
  return calls;
}

/** A single store keeps less than it said: verification finds it, and the next backup is whole. */
async function storeLoses(run: SoakRun, lie: Lie): Promise<void> {
  await using rig = await SoakRig.open({ random: run.random, dataBytes: 1 << 20 });
  {
    await rig.write(rig.items[0]!, 6);
    const liars = new Set<FaultyBackend>();
    await using process = await rig.start({
      wraps: {
        wrap: (_place, backend) => {
          const liar = new FaultyBackend(backend, lie, /^p\//);
          liar.lieAt = 1 + run.random.below(2); // a disk writes two packs at least
          liars.add(liar);
          return liar;
        },
      },
    });
    await process.requestBackup(rig.items[0]!);
    await process.settle();
    if (![...liars].some(({ hits }) => hits > 0)) throw new Violation(`the ${lie} that was prepared was never hit`);
  }
  await using next = await rig.start();
  await rig.clock.turn(HOUR_MS);
  await next.housekeep('Verify');
  run.count('restores checked', await assertVault(next, { isDamaged: true }));
  await rig.clock.turn(HOUR_MS);
  const id = await next.requestBackup(rig.items[0]!);
  await next.settle();
  await next.housekeep('Verify', { pointId: (await newestPoint(next)).id });
  const { status, errors } = await next.job(id);
  if (!status.startsWith('Completed'))
    throw new Violation(`after ${lie} a backup says ${status} ${JSON.stringify(errors)}`);
  run.count('restores checked', await assertVault(next, { isDamaged: true }));
  const alarm = await next.db.queries
    .selectFrom('point_damages')
    .select('point_id')
    .where('point_id', '=', (await newestPoint(next)).id)
    .execute();
  if (alarm.length > 0) throw new Violation(`after ${lie} the next backup is damaged too`);
}

const newestPoint = async ({ db, rig }: SoakProcess): Promise<RecoveryPoint> =>
  (await newestVaultedPoint(db.queries, rig.items[0]!.id))!;
