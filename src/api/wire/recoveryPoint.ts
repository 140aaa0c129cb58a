import type { IsoTime, Resource } from './resource.ts';

export type RecoveryPoint = Resource<
  'Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectedItems/recoveryPoints',
  RecoveryPointProperties
>;

export interface RecoveryPointProperties {
  readonly objectType: 'IaasVMRecoveryPoint';
  readonly recoveryPointType: 'AppConsistent' | 'FileSystemConsistent' | 'CrashConsistent';
  readonly recoveryPointTime: IsoTime;
  /** Where the point lies: on the host (InstantRP), in the vault (HardenedRP), or both. */
  readonly recoveryPointTierDetails: readonly RecoveryPointTier[];
  readonly recoveryPointAdditionalInfo?: string | undefined;
  readonly sourceVMStorageType?: string | undefined;
  readonly isSourceVMEncrypted?: boolean | undefined;
  readonly isInstantIlrSessionActive?: boolean | undefined;
  readonly isManagedVirtualMachine?: boolean | undefined;
  readonly virtualMachineSize?: string | undefined;
  readonly originalStorageAccountOption?: boolean | undefined;
  readonly osType?: 'Linux' | 'Windows' | undefined;
  readonly securityType?: string | undefined;
  readonly zones?: readonly string[] | undefined;
  readonly isPrivateAccessEnabledOnAnyDisk?: boolean | undefined;
  readonly recoveryPointDiskConfiguration?: RecoveryPointDiskConfiguration | undefined;
  readonly recoveryPointMoveReadinessInfo?: Readonly<Record<string, MoveReadiness>> | undefined;
  readonly recoveryPointProperties?: RecoveryPointRetention | undefined;
  /** Of points in the vault; Azure's answers have no such field. */
  readonly strongroom?: RecoveryPointHealth | undefined;
}

export interface RecoveryPointHealth {
  /** When all its bytes were last opened and re-hashed; absent: never yet. */
  readonly verifiedAt?: IsoTime | undefined;
  /** What of it cannot be restored: ranges of its disks, in bytes. */
  readonly damage?:
    | {
        readonly foundAt: IsoTime;
        readonly disks: readonly {
          readonly lun: number;
          readonly name: string;
          readonly ranges: readonly { readonly offset: number; readonly length: number }[];
          readonly rangeCount: number;
          readonly sizeBytes: number;
        }[];
        readonly notes: readonly string[];
      }
    | undefined;
}

export interface RecoveryPointTier {
  readonly type: 'InstantRP' | 'HardenedRP' | 'ArchivedRP';
  readonly status: 'Valid' | 'Disabled' | 'Deleted' | 'Rehydrated';
  readonly extendedInfo?: Readonly<Record<string, string>> | undefined;
}

export interface RecoveryPointDiskConfiguration {
  readonly numberOfDisksIncludedInBackup: number;
  readonly numberOfDisksAttachedToVm: number;
  readonly includedDiskList: readonly RecoveryPointDisk[];
  readonly excludedDiskList: readonly RecoveryPointDisk[];
}

/** LUN -1 is the OS disk. */
export interface RecoveryPointDisk {
  readonly lun: number;
  readonly name: string;
}

export interface MoveReadiness {
  readonly isReadyForMove: boolean;
  readonly additionalInfo?: string | undefined;
}

export interface RecoveryPointRetention {
  readonly expiryTime?: IsoTime | undefined;
  readonly ruleName?: string | undefined;
  readonly isSoftDeleted?: boolean | undefined;
}
