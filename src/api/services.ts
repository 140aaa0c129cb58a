import type { Access } from '../arm/access.ts';
import type { AuditHead } from '../db/audit.ts';
import type { Database } from '../db/database.ts';
import type { CopySwitch, RequestedBy } from '../jobs/jobService.ts';
import type { RestoreTarget } from '../jobs/restoreTarget.ts';
import type { BackgroundWork } from '../lib/backgroundWork.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/log.ts';
import type { HousekeepingOperation } from '../vault/job.ts';
import type { JsonObject } from '../vault/json.ts';
import type { Limits } from '../vault/limits.ts';
import type { Vault } from '../vault/vault.ts';
import type { LocalImages } from './machineKeeper.ts';
import type { MachineSource } from './machineSource.ts';

/** What every resource provider is given, once, by the composition root. */
export interface Services {
  readonly db: Database;
  readonly clock: Clock;
  /** Roles and principals. */
  readonly access: Access;
  /** Heads of the audit chain that were noted outside the database. */
  auditHeads(): Promise<readonly AuditHead[]>;
  readonly hosts: readonly MachineSource[];
  readonly jobs: JobService;
  readonly vaultStores: VaultStores;
  readonly storage: StorageData;
  /** What goes on after its request was answered. */
  readonly work: BackgroundWork;
  readonly images: LocalImages;
  readonly log: Logger;
  readonly config: ApiConfig;
}

export interface ApiConfig {
  readonly subscriptionId: string;
  readonly tenantId: string;
  /** The one region, as ARM spells it: 'westeurope'. */
  readonly location: string;
  /** The folder under which restores to a folder may write; absolute. */
  readonly restoreRoot: string;
  readonly limits: Limits;
  /** Hosts and addresses of webhooks that are legal although the rules would refuse them. */
  readonly webhookAllow?: readonly string[];
  /** Bridges of this computer by the virtual network whose cards are plugged into them; others are behind a NAT. */
  readonly bridges?: Readonly<Record<string, string>>;
}

/**
 * What the providers ask of the jobs room. What is done at once needs no runner: its job is recorded in the
 * transaction that does it (itemOperation.ts).
 */
export interface JobService {
  /** `retainUntil`: ms since epoch. Errors: UserErrorBackupOperationInProgress, UserErrorBcmDatasourceNotPresent. */
  requestBackup(
    itemId: string,
    request: { readonly userTriggered: boolean; readonly retainUntil?: number; readonly by: RequestedBy },
  ): Promise<string>;
  /** `pointId` is the recovery point's id in the database. */
  requestRestore(itemId: string, pointId: string, target: RestoreTarget, by: RequestedBy): Promise<string>;
  /** The id of the job; of the one that has not ended, when the vault has one of this operation. */
  requestHousekeeping(
    vault: Pick<Vault, 'id' | 'name'>,
    operation: HousekeepingOperation,
    request: { readonly parameters: JsonObject; readonly by: RequestedBy },
  ): Promise<string>;
  /** Errors: StorePlaceUnsuitable (no secondary), Conflict (not failed over), those of the places. */
  switchCopy(vaultId: string, to: CopySwitch): Promise<void>;
  /** Errors: UserErrorJobNotCancellable. */
  cancel(jobId: string): Promise<void>;
  /** The same work again; the new job's id. Errors: UserErrorJobNotRetriable, and those of requestBackup. */
  retry(jobId: string, by: RequestedBy): Promise<string>;
}

/** What lies behind the storage accounts. */
export interface StorageData {
  /** Where an account's blobs are: 'https://{account}.blob.localhost:8443/', with a slash at its end. */
  endpointOf(account: string): string;
  /** Everything in the account's containers; no error when there is none. */
  removeData(account: string): Promise<void>;
  /** The file with a blob's bytes; undefined: there is no such blob. */
  fileOf(blob: { readonly account: string; readonly container: string; readonly name: string }): string | undefined;
}

/** Makes and removes the chunk store of a vault. */
export interface VaultStores {
  create(vault: Pick<Vault, 'id' | 'name' | 'redundancy'>): Promise<void>;
  /** The store is opened anew when it is next used. */
  forget(vaultId: string): void;
  /** Moves the store of a vault without items to the places of its redundancy. Errors: StorageModelModifyError. */
  place(vault: Vault): Promise<void>;
  /** `why` when it has less than it wants. */
  redundancyOf(vault: Pick<Vault, 'id' | 'redundancy'>): Promise<{
    readonly wanted: Vault['redundancy'];
    readonly actual: Vault['redundancy'];
    readonly why?: string;
  }>;
  /** The key of the vault, and the one a change would go to, as clients name them. */
  keyNames(vaultId: string): Promise<{
    readonly present: { readonly isServerMade: boolean; readonly keyUri: string };
    readonly next?: { readonly keyUri: string };
  }>;
  /** No error when there is none. */
  remove(vault: { readonly id: string; readonly name: string }): Promise<void>;
}
