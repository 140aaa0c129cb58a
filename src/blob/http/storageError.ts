/** Storage's own codes, which its clients switch on, with their HTTP status. */
const STATUS = {
  AuthenticationFailed: 403,
  AuthorizationFailure: 403,
  AuthorizationPermissionMismatch: 403,
  AuthorizationProtocolMismatch: 403,
  AuthorizationSourceIPMismatch: 403,
  AuthorizationServiceMismatch: 403,
  AuthorizationResourceTypeMismatch: 403,
  KeyBasedAuthenticationNotPermitted: 403,
  NoAuthenticationInformation: 401,
  InvalidAuthenticationInfo: 401,
  BlobAlreadyExists: 409,
  BlobNotFound: 404,
  ConditionNotMet: 412,
  ContainerAlreadyExists: 409,
  ContainerNotFound: 404,
  Crc64Mismatch: 400,
  InsufficientStorage: 507,
  InternalError: 500,
  InvalidBlobOrBlock: 400,
  InvalidBlobType: 409,
  InvalidBlockId: 400,
  InvalidBlockList: 400,
  InvalidHeaderValue: 400,
  InvalidInput: 400,
  InvalidMd5: 400,
  InvalidMetadata: 400,
  InvalidPageRange: 416,
  InvalidQueryParameterValue: 400,
  InvalidRange: 416,
  InvalidResourceName: 400,
  InvalidUri: 400,
  InvalidXmlDocument: 400,
  Md5Mismatch: 400,
  MissingContentLengthHeader: 411,
  MissingRequiredHeader: 400,
  NotImplemented: 501,
  OperationTimedOut: 500,
  OutOfRangeInput: 400,
  RequestBodyTooLarge: 413,
  ResourceNotFound: 404,
  ServerBusy: 503,
  UnsupportedHttpVerb: 405,
  UnsupportedQueryParameter: 400,
} as const;

export type StorageErrorCode = keyof typeof STATUS | 'NotModified';

/** An expected refusal of the blob endpoint, in the dialect of its clients. */
export class StorageError extends Error {
  override readonly name = 'StorageError';
  readonly code: StorageErrorCode;
  readonly status: number;

  constructor(code: StorageErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.status = code === 'NotModified' ? 304 : STATUS[code];
  }
}
