/** Body of POST {item}/recoveryPoints/{point}/restore. */
export interface RestoreRequest {
  readonly properties: RestoreRequestProperties;
}

export interface RestoreRequestProperties {
  readonly objectType: 'IaasVMRestoreRequest';
  readonly recoveryPointId: string;
  readonly recoveryType: 'RestoreDisks' | 'OriginalLocation' | 'AlternateLocation';
  readonly sourceResourceId?: string | undefined;
  readonly targetVirtualMachineId?: string | undefined;
  readonly targetResourceGroupId?: string | undefined;
  readonly storageAccountId?: string | undefined;
  readonly virtualNetworkId?: string | undefined;
  readonly subnetId?: string | undefined;
  readonly region?: string | undefined;
  readonly createNewCloudService?: boolean | undefined;
  readonly originalStorageAccountOption?: boolean | undefined;
  /** Absent: all disks of the point. -1 is the OS disk. */
  readonly restoreDiskLunList?: readonly number[] | undefined;
  readonly restoreWithManagedDisks?: boolean | undefined;
  readonly zones?: readonly string[] | undefined;
  readonly strongroom?: RestoreTarget | undefined;
}

/**
 * Where the disks go; Azure has no word for it, so it travels in the one additive property bag. A folder is
 * relative to the server's restore root; an image host makes the disks a powered-off machine of that name.
 */
export type RestoreTarget =
  | { readonly targetFolder: string }
  | { readonly imageHost: string; readonly machineName: string };
