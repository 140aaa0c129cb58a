import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { JobOperation, JobStatus } from '../../api/wire/job.ts';
import { CodedError, isSystemError } from '../../lib/error.ts';
import { CommandFailed } from '../exit.ts';
import { below } from '../ids.ts';
import { vaultPath } from '../items.ts';
import { JOB_OPERATIONS, JOB_STATUSES, jobFilter } from '../jobFilter.ts';
import { day, leaf, oneOf } from '../options.ts';
import { act, type Shell } from '../shell.ts';

interface ExportResult {
  readonly operation?: { readonly blobUrl?: string; readonly blobSasKey?: string };
}

/** `job export`: the jobs of a vault in a file. */
export const exportJobs = (shell: Shell) =>
  leaf('export', "Write a vault's jobs to a file")
    .requiredOption('-g, --resource-group <name>', "the vault's resource group")
    .requiredOption('-v, --vault-name <name>', 'the vault')
    .requiredOption('-f, --file <file>', 'the file; there must be none yet')
    .option('--format <format>', 'json, or csv for a spreadsheet', oneOf(['json', 'csv']), 'json')
    .option('--status <status>', JOB_STATUSES.join(', '), oneOf<JobStatus>(JOB_STATUSES))
    .option('--operation <operation>', JOB_OPERATIONS.join(', '), oneOf<JobOperation>(JOB_OPERATIONS))
    .option('--start-date <date>', 'begun on or after this day, dd-mm-yyyy (UTC)', day)
    .option('--end-date <date>', 'begun before this day, dd-mm-yyyy (UTC)', day)
    .action(
      act(shell, async ({ arm, terminal, say }, options) => {
        const path = below(vaultPath(arm, options.resourceGroup, options.vaultName), 'backupJobsExport');
        const query = { $filter: jobFilter(options), format: options.format };
        const { headers } = await arm.send('POST', 'backup', path, { query });
        if (headers.location === undefined) throw incomplete('the header Location');
        const { operation } = await arm.get<ExportResult>('backup', headers.location);
        if (!operation?.blobUrl) throw incomplete('blobUrl');
        const text = await arm.text('backup', `${operation.blobUrl}${operation.blobSasKey ?? ''}`);
        const file = resolve(terminal.cwd, options.file);
        await writeNew(file, text);
        say(`Written: ${file}`);
      }),
    );

async function writeNew(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text, { flag: 'wx' });
  } catch (error) {
    if (isSystemError(error, 'EEXIST')) throw new CommandFailed(`${file} is there already; it was not changed.`);
    throw error;
  }
}

const incomplete = (what: string): CodedError =>
  new CodedError('ServerAnswerInvalid', `The export of jobs was answered without ${what}.`);
