import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../../src/lib/clock.ts';
import { assertVault, Violation } from '../oracle.ts';
import type { Part, SoakRun } from '../part.ts';
import { SoakChild } from '../soakChild.ts';
import { SETTLES_WITHIN_MS } from '../soakProcess.ts';
import { SoakRig } from '../soakRig.ts';

/** An error of fsync from the kernel itself ends a backup somehow, and never hangs it. */
const MOST_MS = 60_000;
const SYNCS = 'fsync,fdatasync';

/**
 * strace makes the n-th fsync of each thread of a real server process fail: one of the store's files or folders, and
 * one of the database's. The process may end by it; what was shown stays, and the next process backs up again.
 */
export const syncErrorsInKernel: Part = {
  name: 'fsync errors by strace',
  missing: () =>
    spawnSync('strace', ['--version']).status === 0 ? undefined : 'strace is not installed (apt-get install strace)',
  run: async (run) => {
    await using rig = await SoakRig.open({ random: run.random, dataBytes: 1 << 20, onImages: true });
    const none = await backupUnder(run, rig, undefined);
    if (none.hits !== 0 || none.perThread < 5) throw new Violation(`strace saw ${none.perThread} syncs of a thread`);
    let hits = 0;
    for (const when of run.pick(none.perThread, 1)) {
      ({ hits } = await backupUnder(run, rig, when));
      run.count('fsync errors', hits);
    }
    if ((run.counts.get('fsync errors') ?? 0) === 0) throw new Violation('no error that was prepared was ever met');
    run.note(`${none.perThread} syncs of one thread in a backup`);
  },
};

async function backupUnder(
  run: SoakRun,
  rig: SoakRig,
  when: number | undefined,
): Promise<{ readonly hits: number; readonly perThread: number }> {
  const told = join(rig.folder, 'strace.txt');
  const inject = when === undefined ? [] : ['-e', `inject=${SYNCS}:error=EIO:when=${when}`];
  const under = ['strace', '-f', '-qq', '-o', told, '-e', `trace=${SYNCS}`, ...inject];
  const child = new SoakChild(rig, { seed: run.random.uint32(), under, isOnce: true });
  const timer = new AbortController();
  const hung = systemClock.sleep(MOST_MS, timer.signal).then(
    () => true,
    () => false,
  );
  const isHung = await Promise.race([hung, child.ended.then(() => false)]);
  timer.abort();
  if (isHung) {
    child.process.kill('SIGKILL');
    throw new Violation(`with sync ${when} failing the process hangs`);
  }
  await rig.clock.turn(child.now - rig.clock.now() + SETTLES_WITHIN_MS);
  await assertGoesOn(run, rig, when);
  return readTold(told);
}

async function assertGoesOn(run: SoakRun, rig: SoakRig, when: number | undefined): Promise<void> {
  await using next = await rig.start();
  await next.settle();
  run.count('restores checked', await assertVault(next));
  await rig.clock.turn(60_000);
  const id = await next.requestBackup(rig.items[0]!);
  await next.settle();
  const { status, errors } = await next.job(id);
  if (status !== 'Completed')
    throw new Violation(`after sync ${when} had failed, a backup says ${status} ${JSON.stringify(errors)}`);
  run.count('restores checked', await assertVault(next));
}

/** Calls of the thread that syncs most, and those that were made to fail. */
function readTold(path: string): { readonly hits: number; readonly perThread: number } {
  const lines = readFileSync(path, 'utf8').split('\n');
  const perThread = new Map<string, number>();
  for (const [, thread] of lines.map((line) => /^(\d+) +f(?:data)?sync\(/.exec(line) ?? []))
    if (thread !== undefined) perThread.set(thread, (perThread.get(thread) ?? 0) + 1);
  return {
    hits: lines.filter((line) => line.includes('(INJECTED)')).length,
    perThread: Math.max(0, ...perThread.values()),
  };
}
