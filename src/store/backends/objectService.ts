import type { LockSpec, ObjectInfo, ObjectRange } from '../backend.ts';

/**
 * One request each to an object service, bounded in time, retried, its failures translated: what S3 and Azure Blob
 * do alike. cloud.ts makes a Backend of it.
 *
 * Errors of every call: StoreIoFailed (no answer, refused, not understood).
 */
export interface ObjectService {
  /** For messages: "bucket 'x' at https://…". */
  readonly place: string;
  /** Deleting or putting again keeps what was there as an older version. Asked once. */
  keepsVersions(): Promise<boolean>;
  /**
   * Put if absent, with a checksum that the service compares. Services that keep versions may put another one
   * all the same. Errors: StoreFull.
   */
  put(name: string, bytes: Uint8Array, retention: Retention | undefined, signal?: AbortSignal): Promise<PutAnswer>;
  /** Errors: StoreObjectMissing; StoreDataDamaged when the range lies outside. */
  get(name: string, versionId: string | undefined, range: ObjectRange | undefined): Promise<Uint8Array>;
  sizeOf(name: string, versionId?: string): Promise<number | undefined>;
  list(prefix: string): AsyncIterable<ObjectInfo>;
  /** What `list` gives and what is hidden under it; versions of one name follow each other, the newest first. */
  versions(prefix: string): AsyncIterable<ObjectVersion>;
  /** No error when it is absent. Errors: StoreObjectLocked. */
  delete(name: string, versionId?: string): Promise<void>;
  /** Errors: StoreObjectMissing. */
  retention(name: string, versionId: string): Promise<Retention | undefined>;
  /** `raisesMode`: from governance to compliance, a special right. Errors: StoreObjectMissing. */
  retain(name: string, versionId: string, retention: Retention, raisesMode: boolean): Promise<void>;
  /** The service's own clock, milliseconds since 1970. */
  now(): Promise<number | undefined>;
}

export interface Retention {
  readonly mode: LockSpec['mode'];
  /** Milliseconds since 1970. */
  readonly until: number;
}

export interface PutAnswer {
  readonly outcome: 'created' | 'exists';
  /** Of what was put. */
  readonly versionId?: string;
}

export interface ObjectVersion {
  readonly name: string;
  readonly versionId: string;
  readonly sizeBytes: number;
  /** Stands for a delete; it has no bytes. */
  readonly isMarker: boolean;
}
