import type { Job, JobOperation, JobStatus } from '../../api/wire/job.ts';
import { followJob, printOutcome } from '../followJob.ts';
import { below } from '../ids.ts';
import { vaultPath } from '../items.ts';
import { JOB_OPERATIONS, JOB_STATUSES, jobFilter } from '../jobFilter.ts';
import { jobOf } from '../operation.ts';
import { day, group, leaf, MANAGEMENT_TYPES, oneOf, seconds, WORKLOAD_TYPES } from '../options.ts';
import { act, type Session, type Shell } from '../shell.ts';
import { eachTarget, targets } from '../targets.ts';
import { exportJobs } from './jobExport.ts';

export const jobCommands = (shell: Shell) =>
  group('job', 'Jobs: what a vault does and did', [
    list(shell),
    show(shell),
    wait(shell),
    stop(shell),
    retry(shell),
    exportJobs(shell),
  ]);

const list = (shell: Shell) =>
  leaf('list', "List a vault's jobs, newest first")
    .requiredOption('-g, --resource-group <name>', "the vault's resource group")
    .requiredOption('-v, --vault-name <name>', 'the vault')
    .option('--status <status>', JOB_STATUSES.join(', '), oneOf<JobStatus>(JOB_STATUSES))
    .option('--operation <operation>', JOB_OPERATIONS.join(', '), oneOf<JobOperation>(JOB_OPERATIONS))
    .option('--start-date <date>', 'begun on or after this day, dd-mm-yyyy (UTC)', day)
    .option('--end-date <date>', 'begun before this day, dd-mm-yyyy (UTC)', day)
    .option('--backup-management-type <type>', MANAGEMENT_TYPES.join(), oneOf(MANAGEMENT_TYPES))
    .option('--workload-type <type>', WORKLOAD_TYPES.join(), oneOf(WORKLOAD_TYPES))
    .action(
      act(shell, ({ arm }, options) => {
        const path = below(vaultPath(arm, options.resourceGroup, options.vaultName), 'backupJobs');
        return arm.list<Job>('backup', path, { query: { $filter: jobFilter(options) } });
      }),
    );

const one = (name: string, summary: string) =>
  leaf(name, summary)
    .option('-g, --resource-group <name>', "the vault's resource group")
    .option('-v, --vault-name <name>', 'the vault')
    .option('-n, --name <name>', 'the job')
    .option('--ids <ids...>', 'ids instead of names');

interface JobOptions {
  readonly resourceGroup?: string | undefined;
  readonly vaultName?: string | undefined;
  readonly name?: string | undefined;
  readonly ids?: readonly string[] | undefined;
}

interface JobTarget {
  readonly vault: string;
  readonly name: string;
}

const jobs = ({ arm }: Session, options: JobOptions): JobTarget[] =>
  targets(arm.subscriptionId, options.ids, {
    group: ['-g, --resource-group <name>', options.resourceGroup, 'resourcegroups'],
    vault: ['-v, --vault-name <name>', options.vaultName, 'vaults'],
    name: ['-n, --name <name>', options.name, 'backupjobs'],
  }).map((target) => ({ vault: vaultPath(arm, target.group, target.vault), name: target.name }));

const show = (shell: Shell) =>
  one('show', 'Show a job with its sub tasks').action(
    act(shell, (session, options) =>
      eachTarget(jobs(session, options), ({ vault, name }) =>
        session.arm.get<Job>('backup', below(vault, 'backupJobs', name)),
      ),
    ),
  );

const wait = (shell: Shell) =>
  one('wait', 'Wait until a job ends, showing its progress')
    .option('--timeout <seconds>', 'stop waiting after this long; the job goes on', seconds)
    .action(
      act(shell, async (session, options) => {
        const timeoutMs = options.timeout === undefined ? undefined : options.timeout * 1000;
        for (const { vault, name } of jobs(session, options)) {
          await printOutcome(session, await followJob(session, vault, name, { timeoutMs }));
        }
      }),
    );

const stop = (shell: Shell) =>
  one('stop', 'Cancel a job').action(
    act(shell, async (session, options) => {
      for (const { vault, name } of jobs(session, options)) {
        await session.arm.send('POST', 'backup', below(vault, 'backupJobs', name, 'cancel'));
      }
    }),
  );

const retry = (shell: Shell) =>
  one('retry', 'Back up again what failed or was cancelled; prints the new job').action(
    act(shell, (session, options) =>
      eachTarget(jobs(session, options), async ({ vault, name }) =>
        jobOf(session, vault, await session.arm.send('POST', 'backup', below(vault, 'backupJobs', name, 'retry'))),
      ),
    ),
  );
