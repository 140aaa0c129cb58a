import type { Clock } from '../../lib/clock.ts';
import { CodedError } from '../../lib/error.ts';
import type { SnapshotRequest } from '../machine.ts';
import type { DiskPlan } from './diskPlan.ts';
import type { Qmp } from './qmp.ts';

interface Job {
  readonly id: string;
  readonly status: string;
  readonly error?: string;
  readonly 'current-progress': number;
  readonly 'total-progress': number;
}

const POLL_MS = 100;
const CHANGES = 'changes';

/**
 * Copies the disks as they were at the cut into the collection's files, while the guest runs.
 * Errors: SnapshotFailed with the job's word; the caller takes the remains away.
 */
export const copyDisks = async (
  qmp: Qmp,
  plans: readonly DiskPlan[],
  clock: Clock,
  request: SnapshotRequest,
): Promise<void> => {
  for (const plan of plans) await startCopy(qmp, plan);
  for (;;) {
    request.signal?.throwIfAborted();
    const jobs = (await qmp.command<readonly Job[]>('query-jobs')).filter((job) =>
      plans.some(({ nodes }) => nodes.job === job.id),
    );
    const failed = jobs.find((job) => job.error !== undefined);
    if (failed || jobs.length < plans.length) throw copyFailed(failed?.error ?? 'the copy job vanished');
    request.onProgress?.({ bytesDone: total(jobs, 'current-progress'), bytesTotal: total(jobs, 'total-progress') });
    // A cancel that comes with the last bytes is still a cancel.
    request.signal?.throwIfAborted();
    if (jobs.every((job) => job.status === 'concluded')) return;
    await clock.sleep(POLL_MS, request.signal);
  }
};

const startCopy = async (qmp: Qmp, { disk, nodes, base }: DiskPlan): Promise<void> => {
  if (base) {
    await qmp.command('block-dirty-bitmap-add', { node: nodes.frozen, name: CHANGES, disabled: true });
    const bitmaps = [{ node: disk.node, name: base.bitmap }];
    await qmp.command('block-dirty-bitmap-merge', { node: nodes.frozen, target: CHANGES, bitmaps });
  }
  await qmp.command('blockdev-backup', {
    'job-id': nodes.job,
    device: nodes.frozen,
    target: nodes.target,
    'auto-dismiss': false,
    ...(base ? { sync: 'bitmap', bitmap: CHANGES, 'bitmap-mode': 'never' } : { sync: 'full' }),
  });
};

const total = (jobs: readonly Job[], field: 'current-progress' | 'total-progress'): number =>
  jobs.reduce((sum, job) => sum + job[field], 0);

/** QEMU says "Permission denied" when it reads a view that was given up. */
const copyFailed = (words: string): CodedError =>
  /permission denied/i.test(words)
    ? new CodedError(
        'SnapshotFailed',
        'the snapshot was given up so that the guest could go on: the scratch space was full or too slow',
        {
          target: 'scratch',
          recommendations: [
            'Give scratchFolder more room on storage as fast as the disks, or back up when the guest writes less.',
          ],
        },
      )
    : new CodedError('SnapshotFailed', `the local copy failed: ${words}`, { target: 'copy' });
