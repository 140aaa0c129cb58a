import { type Static, Type } from 'typebox';
import { IGNORED } from './resourceBody.ts';

const CLOSED = { additionalProperties: false };
const ID = Type.Optional(Type.Union([Type.String({ maxLength: 2048 }), Type.Null()]));
const FLAG = Type.Optional(Type.Union([Type.Boolean(), Type.Null()]));
const NULLABLE_OBJECT = Type.Optional(Type.Union([Type.Record(Type.String(), Type.Unknown()), Type.Null()]));

/** What az and the SDKs send to restore a machine, and our one property besides. */
export const RESTORE_PROPERTIES = Type.Object(
  {
    objectType: Type.Enum(['IaasVMRestoreRequest', 'IaasVMRestoreWithRehydrationRequest']),
    recoveryPointId: Type.Optional(Type.String()),
    recoveryType: Type.Optional(Type.String()),
    sourceResourceId: ID,
    storageAccountId: ID,
    targetResourceGroupId: ID,
    targetVirtualMachineId: ID,
    virtualNetworkId: ID,
    subnetId: ID,
    region: ID,
    restoreDiskLunList: Type.Optional(Type.Union([Type.Array(Type.Integer(), { maxItems: 64 }), Type.Null()])),
    restoreWithManagedDisks: FLAG,
    originalStorageAccountOption: FLAG,
    encryptionDetails: NULLABLE_OBJECT,
    diskEncryptionSetId: ID,
    zones: Type.Optional(Type.Union([Type.Array(Type.String(), { maxItems: 8 }), Type.Null()])),
    identityInfo: NULLABLE_OBJECT,
    identityBasedRestoreDetails: NULLABLE_OBJECT,
    extendedLocation: NULLABLE_OBJECT,
    securedVMDetails: NULLABLE_OBJECT,
    targetDiskNetworkAccessSettings: NULLABLE_OBJECT,
    strongroom: Type.Optional(
      Type.Object(
        {
          targetFolder: Type.Optional(Type.String()),
          imageHost: Type.Optional(Type.String()),
          machineName: Type.Optional(Type.String()),
        },
        CLOSED,
      ),
    ),
    resourceGuardOperationRequests: IGNORED,
    recoveryPointRehydrationInfo: IGNORED,
    // they mean nothing to machines of today
    createNewCloudService: IGNORED,
    targetDomainNameId: IGNORED,
    affinityGroup: IGNORED,
  },
  CLOSED,
);

export type RestoreProperties = Static<typeof RESTORE_PROPERTIES>;
