import type { BlobStore } from '../blob/blobStore.ts';
import type { Database } from '../db/database.ts';
import type { Clock } from '../lib/clock.ts';
import { CodedError } from '../lib/error.ts';
import type { Logger } from '../lib/log.ts';
import type { MachineHost } from '../machine/machine.ts';
import type { Job } from '../vault/job.ts';
import type { VaultStores } from './vaultStores.ts';

/** What all jobs work with, given once by the composition root. */
export interface JobTools {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Logger;
  readonly hosts: Hosts;
  readonly stores: VaultStores;
  /** Where restores to a storage account go; absent: there are none. */
  readonly blobs?: BlobStore;
  /** Worker threads a transfer or restore may use. */
  readonly workers: number;
  /** How long jobs are kept after their end; Azure's time when absent. */
  readonly jobHistoryDays?: number;
}

/** One run of one job. */
export interface JobContext extends JobTools {
  readonly job: Job;
  /** Fires on cancel, on a lost lease and on shutdown; its reason is what the job ends with. */
  readonly signal: AbortSignal;
}

/** The machine hosts of this server, by name. */
export class Hosts {
  readonly #byName: ReadonlyMap<string, MachineHost>;

  constructor(hosts: readonly MachineHost[]) {
    this.#byName = new Map(hosts.map((host) => [host.name, host]));
  }

  get all(): readonly MachineHost[] {
    return [...this.#byName.values()];
  }

  /** Errors: HostUnavailable. */
  get(name: string): MachineHost {
    const host = this.#byName.get(name);
    if (host) return host;
    const known = [...this.#byName.keys()].join(', ') || 'none';
    throw new CodedError(
      'HostUnavailable',
      `The machine host '${name}' is not configured here; configured: ${known}.`,
      {
        target: name,
      },
    );
  }
}
