/**
 * Every expected failure has a code of this table; its HTTP status stands beside it, so a code without
 * one does not compile. Azure's own code is used wherever Azure has one.
 */
const STATUS = {
  // any resource provider
  BadRequest: 400,
  InvalidRequestContent: 400,
  InvalidRequestFormat: 400,
  InvalidParameter: 400,
  InvalidFilter: 400,
  InvalidSkipToken: 400,
  InvalidResourceName: 400,
  InvalidResourceLocation: 400,
  LocationNotAvailableForResourceType: 400,
  InvalidSubscriptionId: 400,
  MissingApiVersionParameter: 400,
  InvalidApiVersionParameter: 400,
  NoRegisteredProviderFound: 400,
  LocationRequired: 400,
  PreconditionFailed: 412,
  RequestEntityTooLarge: 413,
  UnsupportedMediaType: 415,
  AuthenticationFailed: 401,
  InvalidAuthenticationToken: 401,
  InvalidAuthenticationTokenTenant: 401,
  ExpiredAuthenticationToken: 401,
  AuthorizationFailed: 403,
  ResourceNotFound: 404,
  ResourceGroupNotFound: 404,
  SubscriptionNotFound: 404,
  NotFound: 404,
  InvalidResourceNamespace: 404,
  InvalidResourceType: 404,
  ParentResourceNotFound: 404,
  MethodNotAllowed: 405,
  RequestTimeout: 408,
  Conflict: 409,
  ResourceGroupBeingDeleted: 409,
  InvalidResourceGroupLocation: 409,
  ResourceGroupDeletionBlocked: 409,
  TooManyRequests: 429,
  InternalServerError: 500,
  NotImplemented: 501,
  ServiceUnavailable: 503,
  // vaults, policies, protection
  ServiceResourceNotEmptyWithContainerDetails: 400,
  BMSUserErrorVaultDeletionNotAllowed: 400,
  VaultNameNotUnique: 409,
  StorageModelModifyError: 400,
  BMSUserErrorInvalidPolicyInput: 400,
  BMSUserErrorPolicyRetentionInvalid: 400,
  BMSUserErrorInstantRPRetentionExceedsVaultedRetention: 400,
  BMSUserErrorPolicyObjectInUse: 400,
  BMSUserErrorInvalidConfigureProtectionRequest: 400,
  BMSUserErrorContainerNameIncorrectFormat: 400,
  BMSUserErrorProtectedItemNameIncorrectFormat: 400,
  BMSUserErrorConflictingProtectionOperation: 409,
  BMSUserErrorSoftDeleteStateAlwaysOn: 400,
  UserErrorUnsupportedVaultImmutabilityStateChange: 400,
  UserErrorOperationDeniedOnImmutableItem: 400,
  VirtualMachineAlreadyProtected: 400,
  UserErrorCrossSubscriptionBackupNotSupported: 400,
  BMSUserErrorContainerHasDatasources: 400,
  BMSUserErrorObjectLocked: 409,
  BMSUserErrorResourceGuardOperationRequired: 403,
  BMSUserErrorEncryptionSettingsInvalid: 400,
  CrossRegionRestoreNotSupported: 400,
  UserErrorVaultLimitReached: 409,
  UserErrorPolicyLimitReached: 409,
  UserErrorProtectionLimitReached: 409,
  UserErrorOnDemandLimitReached: 429,
  UserErrorRestoreLimitReached: 429,
  UserErrorRecoveryPointLimitReached: 409,
  ProtectedItemsCountExceeded: 400,
  UserErrorUnsupportedDiskSize: 400,
  UserErrorRpCollectionLimitReached: 400,
  UserErrorCrossSubscriptionRestoreNotSupportedForOLR: 400,
  UserErrorCrossSubscriptionRestoreNotSupportedForCRR: 400,
  UserErrorCrossSubscriptionRestoreNotSupportedFromSnapshot: 400,
  UserErrorCrossSubscriptionRestoreInvalidTargetSubscription: 400,
  UserErrorRestoreKindNotServed: 501,
  UserErrorStagingAccountInvalid: 400,
  // access
  ScopeLocked: 409,
  RoleDefinitionDoesNotExist: 400,
  RoleAssignmentExists: 409,
  PrincipalNotFound: 400,
  RoleAssignmentNotFound: 404,
  RoleAssignmentUpdateNotPermitted: 400,
  RoleDefinitionWithSameNameExists: 409,
  RoleDefinitionHasAssignments: 409,
  InvalidRoleDefinition: 400,
  LockNotFound: 404,
  PrincipalTypeNotSupported: 400,
  // the neighbours
  InvalidTemplate: 400,
  InvalidTemplateDeployment: 400,
  DeploymentFailed: 409,
  ImageNotFound: 404,
  InUseSubnetCannotBeDeleted: 400,
  InUseNetworkSecurityGroupCannotBeDeleted: 400,
  NicInUse: 400,
  PublicIPAddressCannotBeDeleted: 400,
  PrivateIPAddressInUse: 400,
  PrivateIPAddressNotInSubnet: 400,
  SubnetIsFull: 400,
  InvalidResourceReference: 400,
  DeploymentNotFound: 404,
  DeploymentActive: 409,
  OperationNotAllowed: 409,
  StorageAccountAlreadyTaken: 409,
  AccountNameInvalid: 400,
  PropertyChangeNotAllowed: 409,
  // jobs
  UserErrorBackupOperationInProgress: 409,
  UserErrorBcmDatasourceNotPresent: 400,
  UserErrorInstantRpNotFound: 400,
  UserErrorItemSoftDeleted: 400,
  UserErrorJobNotCancellable: 400,
  UserErrorJobNotRetriable: 400,
  UserErrorVmNotInDesirableState: 400,
  BCMV2VMNotFound: 400,
  GuestAgentSnapshotTaskStatusError: 500,
  ExtensionSnapshotFailed: 500,
  'Pre-ScriptExecutionFailed': 400,
  'Post-ScriptExecutionFailed': 400,
  'Pre-ScriptNotFound': 400,
  'Post-ScriptNotFound': 400,
  IncorrectPluginhostFile: 400,
  IncorrectJSONConfigFile: 400,
  'InsufficientPermissionforPre-Script': 400,
  'InsufficientPermissionforPost-Script': 400,
  'Pre-ScriptTimeout': 400,
  'Post-ScriptTimeout': 400,
  SnapshotFailed: 500,
  BackUpOperationFailed: 500,
  RestoreOperationFailed: 500,
  RestoreTargetInvalid: 400,
  JobLeaseLost: 409,
  JobCancelled: 409,
  PackNotReferable: 409,
  // machines and images
  ImageFormatUnsupported: 400,
  ImageHeaderInvalid: 400,
  MachineDescriptionInvalid: 400,
  HostUnavailable: 503,
  GuestAgentUnavailable: 503,
  ToolMissing: 501,
  // the data path
  NbdConnectionLost: 503,
  NbdProtocolInvalid: 502,
  NbdExportUnavailable: 502,
  NbdReadFailed: 502,
  SourceReadFailed: 500,
  SourceExtentsInvalid: 500,
  TargetWriteFailed: 500,
  WorkerThreadDied: 500,
  // the command line
  ClientFileInvalid: 400,
  ServerUnreachable: 503,
  ServerNotTrusted: 502,
  ServerAnswerInvalid: 502,
  // the database
  DatabaseDamaged: 500,
  DatabaseVersionUnknown: 500,
  DatabasePlaceUnsuitable: 500,
  // the store
  StoreObjectMissing: 500,
  StoreDataDamaged: 500,
  StoreFull: 507,
  StoreIoFailed: 500,
  StoreFormatUnknown: 500,
  StoreKeyWrong: 400,
  StoreNotAVault: 400,
  StoreReconcileRequired: 503,
  StoreObjectLocked: 409,
  StoreQuorumMissing: 503,
  StorePlaceUnsuitable: 400,
  VaultFailedOver: 409,
  StoreLies: 500,
  CollectRefused: 409,
  KeyCommandFailed: 500,
  RecoveryKitInvalid: 400,
  DaemonRefused: 403,
} as const satisfies Record<string, number>;

export type ErrorCode = keyof typeof STATUS;

export interface ErrorDetail {
  readonly code: string;
  readonly message: string;
  readonly target?: string;
}

export interface ErrorOptions {
  /** The field, parameter or resource at fault, as the caller spelled it. */
  readonly target?: string;
  readonly details?: readonly ErrorDetail[];
  /** What the reader can do about it. */
  readonly recommendations?: readonly string[];
  readonly cause?: unknown;
}

/** An expected failure. Whatever is not a CodedError is a bug (or a cancellation: the AbortSignal's reason). */
export class CodedError extends Error {
  override readonly name = 'CodedError';
  readonly code: ErrorCode;
  readonly target: string | undefined;
  readonly details: readonly ErrorDetail[];
  readonly recommendations: readonly string[];

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.target = options.target;
    this.details = options.details ?? [];
    this.recommendations = options.recommendations ?? [];
  }
}

export const isErrorCode = (code: string): code is ErrorCode => Object.hasOwn(STATUS, code);

export const httpStatus = (code: ErrorCode): number => STATUS[code];

export const isCoded = (error: unknown, code?: ErrorCode): error is CodedError =>
  error instanceof CodedError && (code === undefined || error.code === code);

/** `errno` codes of Node's system errors: 'ENOENT', 'EEXIST', 'ENOSPC' … */
export const isSystemError = (error: unknown, code: string): boolean =>
  error instanceof Error && (error as NodeJS.ErrnoException).code === code;
