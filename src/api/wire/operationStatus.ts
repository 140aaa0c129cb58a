import type { WireError } from './errorBody.ts';
import type { IsoTime } from './resource.ts';

export type OperationState = 'InProgress' | 'Succeeded' | 'Failed' | 'Canceled';

/** What one polls after a 201 or 202, at the URL of the header Azure-AsyncOperation. */
export interface OperationStatus {
  readonly id: string;
  readonly name: string;
  readonly status: OperationState;
  readonly startTime?: IsoTime | undefined;
  readonly endTime?: IsoTime | undefined;
  readonly error?: WireError | undefined;
  readonly properties?: OperationStatusProperties | undefined;
}

export interface OperationStatusJob {
  readonly objectType: 'OperationStatusJobExtendedInfo';
  /** Name of the job, not its id. */
  readonly jobId: string;
}

export interface OperationStatusFileRecovery {
  readonly objectType: 'OperationStatusProvisionILRExtendedInfo';
  readonly recoveryTarget: { readonly clientScripts: readonly ClientScript[] };
}

export interface ClientScript {
  readonly osType?: string | undefined;
  /** Base64. */
  readonly scriptContent?: string | undefined;
  readonly scriptExtension?: string | undefined;
  readonly scriptNameSuffix?: string | undefined;
  readonly url?: string | undefined;
}

export type OperationStatusProperties = OperationStatusJob | OperationStatusFileRecovery;
