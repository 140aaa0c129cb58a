import type { Job } from '../../vault/job.ts';

/** What a restore calls its container, blobs and disks; alike whenever the job is run. */
export interface StagingNames {
  readonly container: string;
  readonly config: string;
  readonly template: string;
  vhd(lun: number): string;
  managedDisk(lun: number): string;
}

/** Azure's patterns: '{vm}-{32 hex digits}', 'config-{vm}-{job}.json', 'azuredeploy{job}.json', '{vm}-osdisk-{time}'. */
export function stagingNames(vmName: string, job: Pick<Job, 'id' | 'startTime'>): StagingNames {
  const time = new Date(job.startTime).toISOString().slice(0, 19).replace(/[-:]/g, '').replace('T', '-');
  const disk = (lun: number) =>
    lun === -1 ? `${vmName}-osdisk-${time}` : `${vmName}-datadisk-${String(lun).padStart(3, '0')}-${time}`;
  return {
    container: `${containerWord(vmName)}-${job.id.replaceAll('-', '')}`,
    config: `config-${vmName}-${job.id}.json`,
    template: `azuredeploy${job.id}.json`,
    vhd: (lun) => `${disk(lun)}.vhd`,
    managedDisk: disk,
  };
}

/** Containers have lower-case letters, digits and single hyphens, 63 at most. */
const containerWord = (vmName: string): string =>
  vmName
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 30)
    .replace(/^-+|-+$/g, '') || 'vm';
