export type BlobKind = 'BlockBlob' | 'PageBlob';

/** Where a blob is: names as they were sent, the account in lower case. */
export interface BlobPlace {
  readonly account: string;
  readonly container: string;
  readonly name: string;
}

export interface BlobContainer {
  readonly account: string;
  readonly name: string;
  /** With its quotation marks. */
  readonly etag: string;
  /** ms. */
  readonly modifiedAt: number;
  readonly metadata: Readonly<Record<string, string>>;
}

/** One block of a committed block blob. */
export interface BlobPart {
  readonly id: string;
  readonly sizeBytes: number;
}

export interface BlobDetails {
  readonly kind: BlobKind;
  /** Lower-case HTTP headers it is answered with: content-type, content-md5, cache-control … */
  readonly headers: Readonly<Record<string, string>>;
  readonly metadata: Readonly<Record<string, string>>;
  readonly parts?: readonly BlobPart[];
}

export interface Blob extends BlobPlace, BlobDetails {
  readonly sizeBytes: number;
  readonly etag: string;
  readonly createdAt: number;
  readonly modifiedAt: number;
  /** Name of the file with its bytes, in the container's folder. */
  readonly file: string;
}

/** A block that was put and is not yet, or no longer, part of a blob. */
export interface StagedBlock extends BlobPart {
  readonly file: string;
}

/** Asked of what stands there now, at the very moment of the change; throws to refuse it. */
export type BlobCheck = (current: Blob | undefined) => void;

/** A file that becomes a blob, or nothing. */
export interface BlobDraft extends AsyncDisposable {
  readonly path: string;
  readonly file: string;
  /** Makes the bytes durable, then the blob; what stood under that name goes. Errors: those of `check`. */
  commit(place: BlobPlace, details: BlobDetails, check?: BlobCheck): Promise<Blob>;
  /** Makes the bytes durable as one block of a blob to be. */
  commitBlock(place: BlobPlace, id: string): Promise<void>;
}

/** Which part of the blobs is listed. */
export interface BlobListRequest {
  readonly prefix: string;
  readonly delimiter?: string;
  /** The first name that may appear. */
  readonly from?: string;
  readonly limit: number;
}

export interface BlobListing {
  readonly entries: readonly (Blob | { readonly prefix: string })[];
  /** Where the next page begins. */
  readonly next?: string;
}
