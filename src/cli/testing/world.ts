import type { Job } from '../../api/wire/job.ts';
import { type FakeArm, startFakeArm } from './fakeArm.ts';
import { ITEM, item, job, MACHINE, machine, operation, POLICY, point, policy, task, VAULT, vault } from './samples.ts';

export const ITEMS = `${VAULT}/backupProtectedItems`;
export const JOB = `${VAULT}/backupJobs/job-7`;
export const OPERATION = `${VAULT}/backupOperations/op-1`;
export const POINT = `${ITEM}/recoveryPoints/${point.name}`;

/** As a person types them, not as they are spelled. */
export const IN_VAULT = ['-g', 'RG-North', '-v', 'Safe'];
export const ON_ITEM = [...IN_VAULT, '-c', 'web-01', '-i', 'WEB-01'];

/** The small world of the samples behind a server. */
export interface World extends FakeArm {
  /** Puts everything back as it was and forgets what was asked. */
  reset(): void;
  /** What was asked since, the vault's path shortened to V. */
  asked(): string[];
  /** The body of the last request of a method. */
  bodyOf(method: string): unknown;
}

export async function startWorld(): Promise<World> {
  const arm = await startFakeArm();
  const reset = () => {
    arm.on('GET', VAULT, { body: vault });
    arm.on('GET', MACHINE, { body: machine });
    arm.on('GET', POLICY, { body: policy });
    arm.on('GET', ITEMS, { body: { value: [item] } });
    arm.on('GET', ITEM, { body: item });
    arm.on('GET', POINT, { body: point });
    arm.on('GET', OPERATION, { body: operation('InProgress') }, { body: operation('Succeeded') });
    arm.on('GET', JOB, { body: job('Completed') });
    arm.seen.length = 0;
  };
  reset();
  return {
    ...arm,
    reset,
    asked: () => arm.seen.map((line) => line.replace(/\/subscriptions\/.*?\/vaults\/safe/i, 'V')),
    bodyOf: (method) => arm.requests.findLast((request) => request.method === method)?.body,
  };
}

export const jobOut = (stdout: string): Job => JSON.parse(stdout) as Job;

/** A backup whose transfer has come so far of 1000 bytes. */
export const running = (bytesDone: number): Job =>
  job('InProgress', [
    task('Take Snapshot', 'Completed', { duration: 'PT2S' }),
    task('Transfer data to vault', 'InProgress', { strongroom: { bytesDone, bytesTotal: 1000 } }),
  ]);

export const finished: Job = job('Completed', [
  task('Take Snapshot', 'Completed', { duration: 'PT2S' }),
  task('Transfer data to vault', 'Completed', { duration: 'PT4S', strongroom: { bytesDone: 1000, bytesTotal: 1000 } }),
]);
