import { type Static, Type } from 'typebox';

const SWITCH = Type.Enum(['Enabled', 'Disabled']);
const CLOSED = { additionalProperties: false };
const READ_ONLY = Type.Optional(Type.Unknown());

export const TAGS = Type.Record(Type.String(), Type.String({ maxLength: 256 }), {
  maxProperties: 50,
  propertyNames: { type: 'string', pattern: '^[^<>%&\\\\?/]{1,512}$' },
  rule: 'must have at most 50 tags, names of 1 to 512 characters without < > % & \\ ? / and values of at most 256 characters',
});

export const LOCATION = Type.String({
  pattern: '^[A-Za-z][A-Za-z0-9 ()-]{0,63}$',
  rule: "must be a location's name, such as 'westeurope'",
});

const SKU = Type.Object(
  {
    name: Type.Enum(['Standard', 'RS0']),
    tier: Type.Optional(Type.String()),
    family: READ_ONLY,
    size: READ_ONLY,
    capacity: READ_ONLY,
  },
  CLOSED,
);

/** The types in any order and case, as clients write them: 'systemassigned,userassigned'. */
const IDENTITY = Type.Object(
  {
    type: Type.Optional(Type.String()),
    principalId: READ_ONLY,
    tenantId: READ_ONLY,
    userAssignedIdentities: Type.Optional(
      Type.Record(Type.String(), Type.Union([Type.Null(), Type.Record(Type.String(), Type.Unknown())])),
    ),
  },
  CLOSED,
);

const MONITORING = Type.Object(
  {
    azureMonitorAlertSettings: Type.Optional(
      Type.Object(
        {
          alertsForAllJobFailures: Type.Optional(SWITCH),
          alertsForAllReplicationIssues: Type.Optional(SWITCH),
          alertsForAllFailoverIssues: Type.Optional(SWITCH),
        },
        CLOSED,
      ),
    ),
    classicAlertSettings: Type.Optional(
      Type.Object(
        {
          alertsForCriticalOperations: Type.Optional(SWITCH),
          emailNotificationsForSiteRecovery: Type.Optional(SWITCH),
        },
        CLOSED,
      ),
    ),
  },
  CLOSED,
);

/** What points are kept for is what their policy says; a time of the vault's own is not served. */
const AS_PER_POLICY = Type.Object(
  { type: Type.Optional(Type.Enum(['AsPerPolicy'])), durationInDays: READ_ONLY },
  CLOSED,
);

const SECURITY = Type.Object(
  {
    immutabilitySettings: Type.Optional(
      Type.Object(
        { state: Type.Enum(['Disabled', 'Unlocked', 'Locked']), configuration: Type.Optional(AS_PER_POLICY) },
        CLOSED,
      ),
    ),
    softDeleteSettings: Type.Optional(
      Type.Object(
        {
          softDeleteState: Type.Optional(Type.Enum(['Enabled', 'Disabled', 'AlwaysON'])),
          enhancedSecurityState: Type.Optional(Type.Enum(['Enabled', 'Disabled', 'AlwaysON'])),
          softDeleteRetentionPeriodInDays: Type.Optional(
            Type.Integer({ minimum: 14, maximum: 180, rule: 'must be a whole number from 14 to 180' }),
          ),
        },
        CLOSED,
      ),
    ),
    multiUserAuthorization: READ_ONLY,
    sourceScanConfiguration: Type.Optional(
      Type.Object({ state: Type.Optional(Type.Enum(['Disabled'])), sourceScanIdentity: READ_ONLY }, CLOSED),
    ),
  },
  CLOSED,
);

const ENCRYPTION = Type.Object(
  {
    keyVaultProperties: Type.Optional(Type.Object({ keyUri: Type.Optional(Type.String({ maxLength: 1024 })) }, CLOSED)),
    kekIdentity: Type.Optional(
      Type.Object(
        {
          useSystemAssignedIdentity: Type.Optional(Type.Boolean()),
          userAssignedIdentity: Type.Optional(Type.Union([Type.Null(), Type.String({ maxLength: 512 })])),
        },
        CLOSED,
      ),
    ),
    infrastructureEncryption: Type.Optional(SWITCH),
  },
  CLOSED,
);

export const GUARD_REQUESTS = Type.Optional(Type.Array(Type.String({ maxLength: 1024 }), { maxItems: 20 }));

const REDUNDANCY = Type.Object(
  {
    standardTierStorageRedundancy: Type.Optional(Type.Enum(['LocallyRedundant', 'GeoRedundant', 'ZoneRedundant'])),
    crossRegionRestore: Type.Optional(SWITCH),
  },
  CLOSED,
);

const RESTORE = Type.Object(
  {
    crossSubscriptionRestoreSettings: Type.Optional(
      Type.Object(
        { crossSubscriptionRestoreState: Type.Optional(Type.Enum(['Enabled', 'Disabled', 'PermanentlyDisabled'])) },
        CLOSED,
      ),
    ),
  },
  CLOSED,
);

/** Read-only fields are let through: clients send back what they read. */
const PROPERTIES = Type.Object(
  {
    publicNetworkAccess: Type.Optional(SWITCH),
    monitoringSettings: Type.Optional(MONITORING),
    securitySettings: Type.Optional(SECURITY),
    redundancySettings: Type.Optional(REDUNDANCY),
    restoreSettings: Type.Optional(RESTORE),
    costManagementSettings: Type.Optional(
      Type.Object(
        {
          granularityLevel: Type.Optional(
            Type.Enum(['VaultLevel', 'ProtectedItemLevel', 'ProtectedItemWithParentTag']),
          ),
        },
        CLOSED,
      ),
    ),
    encryption: Type.Optional(ENCRYPTION),
    provisioningState: READ_ONLY,
    upgradeDetails: READ_ONLY,
    privateEndpointConnections: READ_ONLY,
    privateEndpointStateForBackup: READ_ONLY,
    privateEndpointStateForSiteRecovery: READ_ONLY,
    moveDetails: READ_ONLY,
    moveState: READ_ONLY,
    backupStorageVersion: READ_ONLY,
    secureScore: READ_ONLY,
    bcdrSecurityLevel: READ_ONLY,
    resourceGuardOperationRequests: GUARD_REQUESTS,
    regionOfChoiceSettings: Type.Optional(Type.Object({ status: Type.Optional(Type.Enum(['Disabled'])) }, CLOSED)),
    strongroom: READ_ONLY,
  },
  CLOSED,
);

const COMMON = {
  id: READ_ONLY,
  name: READ_ONLY,
  type: READ_ONLY,
  etag: READ_ONLY,
  systemData: READ_ONLY,
  tags: Type.Optional(TAGS),
  identity: Type.Optional(IDENTITY),
  properties: Type.Optional(PROPERTIES),
};

/** Without a location it is refused as Resource Manager does it: `checkLocation`. */
export const VAULT_PUT = Type.Object({ ...COMMON, location: Type.Optional(LOCATION), sku: Type.Optional(SKU) }, CLOSED);
export const VAULT_PATCH = VAULT_PUT;

export type VaultEncryptionBody = Static<typeof ENCRYPTION>;
export type VaultPut = Static<typeof VAULT_PUT>;
export type VaultPatch = Static<typeof VAULT_PATCH>;
