/** What a resource guard can put behind a second person's consent. */
export type CriticalOperation =
  | 'deleteProtection'
  | 'getSecurityPIN'
  | 'updatePolicy'
  | 'updateProtection'
  | 'disableImmutability'
  | 'stopProtectionWithRetainData'
  | 'modifyEncryptionSettings'
  | 'disableSoftDelete'
  | 'removeGuard';

export interface GuardedOperation {
  /** What the vault's clients look for: `vaultCriticalOperation` on the wire. */
  readonly vaultOperation: string;
  /** Under the guard: `{guard}/{requests}/default` is what the caller names. */
  readonly requests: string;
  /** A guard cannot leave it out. */
  readonly isMandatory: boolean;
}

export const GUARD_TYPE = 'Microsoft.DataProtection/resourceGuards';

const VAULTS = 'Microsoft.RecoveryServices/vaults';
const ITEMS = `${VAULTS}/backupFabrics/protectionContainers/protectedItems`;

const guarded = (vaultOperation: string, requests: string, isMandatory = false): GuardedOperation => ({
  vaultOperation,
  requests,
  isMandatory,
});

/** Every critical operation; the strings are those that clients compare, case and all. */
export const GUARDED_OPERATIONS: Readonly<Record<CriticalOperation, GuardedOperation>> = {
  removeGuard: guarded(`${VAULTS}/backupResourceGuardProxies/delete`, 'deleteResourceGuardProxyRequests', true),
  disableSoftDelete: guarded(`${VAULTS}/backupconfig/write`, 'disableSoftDeleteRequests', true),
  deleteProtection: guarded(`${ITEMS}/delete`, 'deleteProtectedItemRequests'),
  updateProtection: guarded(`${ITEMS}/write`, 'updateProtectedItemRequests'),
  updatePolicy: guarded(`${VAULTS}/backupPolicies/write`, 'updateProtectionPolicyRequests'),
  getSecurityPIN: guarded(`${VAULTS}/backupSecurityPIN/action`, 'getBackupSecurityPINRequests'),
  stopProtectionWithRetainData: guarded(`${ITEMS}/write#stopProtectionWithRetainData`, 'stopProtectionRequests'),
  disableImmutability: guarded(`${VAULTS}/write#reduceImmutabilityState`, 'disableImmutabilityRequests'),
  modifyEncryptionSettings: guarded(`${VAULTS}/write#modifyEncryptionSettings`, 'modifyEncryptionSettingsRequests'),
};

/** What an exclusion list may name: an operation by its short name or as clients spell it; undefined: none is meant. */
export const operationOfExclusion = (entry: string): CriticalOperation | undefined =>
  (Object.keys(GUARDED_OPERATIONS) as CriticalOperation[]).find((name) =>
    [name, GUARDED_OPERATIONS[name].vaultOperation].some((spelling) => spelling.toLowerCase() === entry.toLowerCase()),
  );

/** The operations that a guard with this exclusion list watches over. */
export const watchedOperations = (exclusions: readonly string[]): readonly CriticalOperation[] => {
  const excluded = new Set(exclusions.map(operationOfExclusion));
  return (Object.keys(GUARDED_OPERATIONS) as CriticalOperation[]).filter(
    (name) => GUARDED_OPERATIONS[name].isMandatory || !excluded.has(name),
  );
};

/** What the caller has to name for an operation under a guard. */
export const requestIdOf = (guardId: string, operation: CriticalOperation): string =>
  `${guardId}/${GUARDED_OPERATIONS[operation].requests}/default`;
