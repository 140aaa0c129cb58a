/** Where a store's objects live, as plain data that crosses threads. */
export type BackendSpec = { readonly kind: 'disk'; readonly folder: string };

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
   * backend until the promise settles. Errors: StoreFull, StoreIoFailed; after an error the object may or may
   * not be there, and putting again is safe.
   */
  put(name: string, bytes: Uint8Array, signal?: AbortSignal): Promise<'created' | 'exists'>;
  /** Fresh bytes, owned by the caller. Errors: StoreObjectMissing; StoreDataDamaged when the range lies outside. */
  get(name: string, range?: ObjectRange): Promise<Uint8Array>;
  head(name: string): Promise<{ readonly sizeBytes: number } | undefined>;
  /** Every object whose name starts with `prefix` and was there throughout; no order promised. */
  list(prefix: string): AsyncIterable<ObjectInfo>;
  /** Durable when it resolves. No error when the object is absent. */
  delete(name: string): Promise<void>;
}
