import { type Static, Type } from 'typebox';

const CLOSED = { additionalProperties: false };
const READ_ONLY = Type.Optional(Type.Unknown());

const DISK_EXCLUSION = Type.Object(
  {
    diskLunList: Type.Array(
      Type.Integer({ minimum: -1, maximum: 63, rule: 'must be a LUN: a whole number from 0 to 63' }),
      { maxItems: 64 },
    ),
    isInclusionList: Type.Boolean(),
  },
  CLOSED,
);

const EXTENDED = Type.Object(
  {
    diskExclusionProperties: Type.Optional(DISK_EXCLUSION),
    linuxVmApplicationName: READ_ONLY,
  },
  CLOSED,
);

/** Read-only fields are let through: clients send back what they read. */
const PROPERTIES = Type.Object(
  {
    protectedItemType: Type.Enum(['Microsoft.Compute/virtualMachines']),
    policyId: Type.Optional(Type.String()),
    sourceResourceId: Type.Optional(Type.String()),
    protectionState: Type.Optional(Type.String()),
    isRehydrate: Type.Optional(Type.Boolean()),
    extendedProperties: Type.Optional(EXTENDED),
    backupManagementType: READ_ONLY,
    workloadType: READ_ONLY,
    containerName: READ_ONLY,
    lastRecoveryPoint: READ_ONLY,
    backupSetName: READ_ONLY,
    createMode: READ_ONLY,
    deferredDeleteTimeInUTC: READ_ONLY,
    isScheduledForDeferredDelete: READ_ONLY,
    deferredDeleteTimeRemaining: READ_ONLY,
    isDeferredDeleteScheduleUpcoming: READ_ONLY,
    resourceGuardOperationRequests: Type.Optional(
      Type.Union([Type.Array(Type.String(), { maxItems: 32 }), Type.Null()]),
    ),
    isArchiveEnabled: READ_ONLY,
    policyName: READ_ONLY,
    softDeleteRetentionPeriod: READ_ONLY,
    softDeleteRetentionPeriodInDays: READ_ONLY,
    vaultId: READ_ONLY,
    sourceSideScanInfo: READ_ONLY,
    friendlyName: READ_ONLY,
    virtualMachineId: READ_ONLY,
    protectionStatus: READ_ONLY,
    healthStatus: READ_ONLY,
    healthDetails: READ_ONLY,
    kpisHealths: READ_ONLY,
    lastBackupStatus: READ_ONLY,
    lastBackupTime: READ_ONLY,
    protectedItemDataId: READ_ONLY,
    extendedInfo: READ_ONLY,
    policyType: READ_ONLY,
  },
  CLOSED,
);

export const ITEM_PUT = Type.Object(
  {
    properties: PROPERTIES,
    id: READ_ONLY,
    name: READ_ONLY,
    type: READ_ONLY,
    location: READ_ONLY,
    tags: READ_ONLY,
    eTag: READ_ONLY,
  },
  CLOSED,
);

export type ItemPut = Static<typeof ITEM_PUT>['properties'];
