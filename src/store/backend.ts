/** Where a store's objects live, as plain data that crosses threads. Secrets in it are never logged. */
export type BackendSpec = DiskSpec | S3Spec | AzureBlobSpec | DaemonSpec | ReplicatedSpec;

export interface DiskSpec {
  readonly kind: 'disk';
  readonly folder: string;
}

/** How the storage itself keeps objects from being deleted; docs/immutability.md. */
export interface LockSpec {
  /** `governance`: who holds a special right may still shorten it; `compliance`: nobody may. */
  readonly mode: 'governance' | 'compliance';
  /** Days every object is locked from its put on, before a commit extends it. */
  readonly landingDays: number;
}

export interface S3Spec {
  readonly kind: 's3';
  /** 'https://s3.example.net'; path-style addressing is used. */
  readonly endpoint: string;
  readonly region: string;
  readonly bucket: string;
  /** Stands before every object's name: '' or segments that end in '/'. */
  readonly prefix: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** PEM file of the authority that signed the endpoint's certificate, where the system does not know it. */
  readonly caFile?: string;
  readonly lock?: LockSpec;
}

export interface AzureBlobSpec {
  readonly kind: 'azureBlob';
  /** 'https://account.blob.core.windows.net'. */
  readonly endpoint: string;
  readonly container: string;
  /** As in S3Spec. */
  readonly prefix: string;
  readonly credentials: { readonly accountName: string; readonly accountKey: string };
  readonly caFile?: string;
  readonly lock?: LockSpec;
}

/** A store daemon under its own user; docs/immutability.md. */
export interface DaemonSpec {
  readonly kind: 'daemon';
  /** Unix socket. */
  readonly socket: string;
  /** One store's name with the daemon: 1 to 64 of [A-Za-z0-9_-]. */
  readonly store: string;
  readonly lock?: LockSpec;
}

/** Copies of one store in several places; docs/replication.md. */
export interface ReplicatedSpec {
  readonly kind: 'replicated';
  /** Nearest first. */
  readonly copies: readonly Exclude<BackendSpec, ReplicatedSpec>[];
  /** A put is durable when so many copies have it. */
  readonly quorum: number;
  /** What errors call the copies, in their order; absent: 'copy 1' … */
  readonly names?: readonly string[];
}

export interface ObjectRange {
  /** Bytes from the start of the object. */
  readonly offset: number;
  /** Bytes; the answer is exactly this long. */
  readonly length: number;
}

export interface ObjectInfo {
  readonly name: string;
  readonly sizeBytes: number;
}

/**
 * The port to object storage under a store. Every implementation passes backends/backend.contract.ts.
 *
 * Names are segments of `[A-Za-z0-9._-]` joined by `/`; a segment never starts with a dot, a name has at most
 * 512 characters. Anything else is InvalidParameter.
 *
 * An object is immutable: it appears whole or not at all, and its bytes never change afterwards. Nothing that a
 * put left half done is ever listed or read.
 */
export interface Backend {
  /**
   * Put if absent. `created`: the bytes are durable (they outlive a power cut). `exists`: an object of that name
   * was there already and is durable; it was not touched and its bytes were not compared. `bytes` belong to the
   * backend until the promise settles. Errors: StoreFull, StoreIoFailed, StoreQuorumMissing; after an error the
   * object may or may not be there, and putting again is safe.
   */
  put(name: string, bytes: Uint8Array, signal?: AbortSignal): Promise<'created' | 'exists'>;
  /**
   * Fresh bytes, owned by the caller. Errors: StoreObjectMissing; StoreDataDamaged when the range lies outside;
   * StoreIoFailed.
   */
  get(name: string, range?: ObjectRange): Promise<Uint8Array>;
  head(name: string): Promise<{ readonly sizeBytes: number } | undefined>;
  /** Every object whose name starts with `prefix` and was there throughout; no order promised. */
  list(prefix: string): AsyncIterable<ObjectInfo>;
  /** Durable when it resolves. No error when the object is absent. Errors: StoreObjectLocked, StoreIoFailed. */
  delete(name: string): Promise<void>;
  /** Present where the storage itself keeps objects from being deleted. */
  readonly lock?: ObjectLock;
  /** Present where the storage tells its own time: milliseconds since 1970; undefined: not this once. Errors: StoreIoFailed. */
  storageNow?(): Promise<number | undefined>;
  /** Present where several copies stand behind it, nearest first: a second opinion on what was read. */
  readonly copies?: readonly Backend[];
  /**
   * Present where a put is answered before every copy has the object: waits for the copies that are still writing,
   * then tells, once, which have missed how many puts since.
   */
  gaps?(): Promise<readonly CopyGap[]>;
}

export interface CopyGap {
  /** Name of the copy's place. */
  readonly place: string;
  /** Puts that it does not have. */
  readonly missed: number;
  /** The last reason. */
  readonly why: string;
}

/** Every put is locked for the spec's landing days; a commit extends that. */
export interface ObjectLock {
  /** Milliseconds since 1970; undefined: not locked. Errors: StoreObjectMissing, StoreIoFailed. */
  retainedUntil(name: string): Promise<number | undefined>;
  /**
   * At least until then; never shortens. In the spec's mode; credentials that may not raise governance to compliance
   * extend the time alone. Errors: StoreObjectMissing, StoreIoFailed.
   */
  extend(name: string, until: number): Promise<void>;
  /**
   * Present where single objects have modes: raises a governance lock to the spec's mode, its time stays. Errors:
   * StoreObjectMissing, StoreIoFailed (also where these credentials may not).
   */
  raise?(name: string): Promise<void>;
}
