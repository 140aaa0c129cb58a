/** How much of everything there may be; Azure's numbers unless the operator sets others. */
export interface Limits {
  /** In a region of a subscription. */
  readonly vaults: number;
  readonly machinesInVault: number;
  readonly policiesInVault: number;
  /** Azure's clients check 1,000, its documentation says 100. */
  readonly machinesUnderPolicy: number;
  /** Created or changed, of a vault in 24 hours. */
  readonly policyWritesInDay: number;
  /** Protection configured or changed, of a vault in 24 hours. */
  readonly protectionWritesInDay: number;
  /** Of a machine in a UTC day. */
  readonly onDemandBackupsInDay: number;
  /** Of a machine in 24 hours. */
  readonly restoresInDay: number;
  readonly pointsOfItem: number;
  readonly disksOfMachine: number;
  /** TiB. */
  readonly diskTib: number;
  readonly machineTib: number;
  /** Days that jobs are kept after their end. */
  readonly jobHistoryDays: number;
}

export const AZURE_LIMITS: Limits = {
  vaults: 500,
  machinesInVault: 1000,
  policiesInVault: 200,
  machinesUnderPolicy: 1000,
  policyWritesInDay: 50,
  protectionWritesInDay: 1000,
  onDemandBackupsInDay: 9,
  restoresInDay: 20,
  pointsOfItem: 9999,
  disksOfMachine: 32,
  diskTib: 64,
  machineTib: 512,
  jobHistoryDays: 90,
};
