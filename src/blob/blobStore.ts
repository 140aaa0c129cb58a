import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../lib/clock.ts';
import { syncPath } from '../lib/durableFile.ts';
import { isSystemError } from '../lib/error.ts';
import type {
  Blob,
  BlobCheck,
  BlobContainer,
  BlobDetails,
  BlobDraft,
  BlobListing,
  BlobListRequest,
  BlobPart,
  BlobPlace,
  StagedBlock,
} from './blob.ts';
import { BlobIndex } from './store/blobIndex.ts';
import { createDraft } from './store/draft.ts';
import { joinParts } from './store/joinParts.ts';

/**
 * Blobs in a folder: an index in SQLite, and beside it one file a blob, named by chance, so that no name that a client
 * chooses is ever a path. Files come first and go last: whatever the index names is whole and durable.
 */
export class BlobStore implements AsyncDisposable {
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #index: BlobIndex;

  private constructor(folder: string, clock: Clock, index: BlobIndex) {
    this.#folder = folder;
    this.#clock = clock;
    this.#index = index;
  }

  /** Opens it for this process alone, and removes what a dead one left unfinished. */
  static async open(options: { readonly folder: string; readonly clock: Clock }): Promise<BlobStore> {
    const { folder, clock } = options;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const store = new BlobStore(folder, clock, new BlobIndex(join(folder, 'blobs.sqlite')));
    await store.#removeOrphans();
    return store;
  }

  /** Undefined when it is there already. */
  async createContainer(
    account: string,
    name: string,
    metadata: Readonly<Record<string, string>> = {},
  ): Promise<BlobContainer | undefined> {
    if (this.#index.container(account, name)) return undefined;
    await mkdir(join(this.#folder, account, name), { recursive: true, mode: 0o700 });
    await syncPath(join(this.#folder, account));
    await syncPath(this.#folder);
    const container = { account, name, etag: newEtag(), modifiedAt: this.#clock.now(), metadata };
    return this.#index.insertContainer(container) ? container : undefined;
  }

  container(account: string, name: string): BlobContainer | undefined {
    return this.#index.container(account, name);
  }

  /** In the order of their names; `from` is the first that may appear. */
  containers(account: string, request: Omit<BlobListRequest, 'delimiter'>): readonly BlobContainer[] {
    return this.#index.containers(account, request);
  }

  setContainerMetadata(account: string, name: string, metadata: Readonly<Record<string, string>>): void {
    this.#index.updateContainer(account, name, { metadata, etag: newEtag(), modifiedAt: this.#clock.now() });
  }

  /** With all that is in it. */
  async deleteContainer(account: string, name: string): Promise<void> {
    this.#index.deleteContainer(account, name);
    await rm(join(this.#folder, account, name), { recursive: true, force: true });
  }

  /** Whether nothing is in any container of the account. */
  isEmpty(account: string): boolean {
    return this.#index.isEmpty(account);
  }

  async deleteAccount(account: string): Promise<void> {
    this.#index.deleteAccount(account);
    await rm(join(this.#folder, account), { recursive: true, force: true });
  }

  blob(place: BlobPlace): Blob | undefined {
    return this.#index.blob(place);
  }

  blobs(account: string, container: string, request: BlobListRequest): BlobListing {
    return this.#index.blobs(account, container, request);
  }

  /** The file with a blob's bytes: to be read, or, of a page blob, to be written in place. */
  pathOf(blob: Pick<Blob, 'account' | 'container' | 'file'>): string {
    return join(this.#folder, blob.account, blob.container, blob.file);
  }

  /** Changes what stands beside the bytes. Errors: those of `check`. */
  update(
    place: BlobPlace,
    change: Partial<Pick<Blob, 'headers' | 'metadata' | 'sizeBytes'>>,
    check: BlobCheck = () => {},
  ): Blob | undefined {
    return this.#index.updateBlob(place, { ...change, etag: newEtag(), modifiedAt: this.#clock.now() }, check);
  }

  /** Undefined when there was none. Errors: those of `check`. */
  async deleteBlob(place: BlobPlace, check: BlobCheck = () => {}): Promise<Blob | undefined> {
    const { blob, files } = this.#index.deleteBlob(place, check);
    await this.#removeFiles(place, files);
    return blob;
  }

  /** A new file in the container, `sizeBytes` long and all zero. The container must be there. */
  draft(account: string, container: string, sizeBytes: number): Promise<BlobDraft> {
    const folder = join(this.#folder, account, container);
    return createDraft(folder, sizeBytes, {
      commit: (draft, place, details, check) => this.#commit(draft, place, details, check),
      commitBlock: (file, place, part) =>
        this.#removeFiles(place, this.#index.putBlock(place, { ...part, file }, this.#clock.now())),
    });
  }

  /** Blocks that were put and not committed, in the order they came. */
  stagedBlocks(place: BlobPlace): readonly StagedBlock[] {
    return this.#index.stagedBlocks(place);
  }

  /** Makes a block blob of parts that are there, in the order given; what was staged besides goes. */
  async commitParts(
    place: BlobPlace,
    parts: readonly (BlobPart & { readonly file: string; readonly offset: number })[],
    details: Omit<BlobDetails, 'parts' | 'kind'>,
    check?: BlobCheck,
  ): Promise<Blob> {
    await using draft = await this.draft(place.account, place.container, 0);
    const folder = join(this.#folder, place.account, place.container);
    await joinParts(
      draft.path,
      parts.map((part) => ({ ...part, path: join(folder, part.file) })),
    );
    const ids = parts.map(({ id, sizeBytes }) => ({ id, sizeBytes }));
    return await draft.commit(place, { ...details, kind: 'BlockBlob', parts: ids }, check);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#index.close();
  }

  async #commit(
    draft: { readonly file: string; readonly sizeBytes: number },
    place: BlobPlace,
    details: BlobDetails,
    check: BlobCheck = () => {},
  ): Promise<Blob> {
    const now = this.#clock.now();
    const blob = { ...place, ...details, ...draft, etag: newEtag(), createdAt: now, modifiedAt: now };
    await this.#removeFiles(place, this.#index.putBlob(blob, check));
    return blob;
  }

  async #removeFiles(place: Pick<BlobPlace, 'account' | 'container'>, files: readonly string[]): Promise<void> {
    for (const file of files) await rm(this.pathOf({ ...place, file }), { force: true });
  }

  /** Files that the index does not name: of writes that were never finished, and of blobs that are gone. */
  async #removeOrphans(): Promise<void> {
    for (const account of await foldersIn(this.#folder))
      for (const container of await foldersIn(join(this.#folder, account))) {
        const path = join(this.#folder, account, container);
        if (!this.#index.container(account, container)) await rm(path, { recursive: true, force: true });
        else await removeUnknown(path, (file) => this.#index.isKnown(account, container, file));
      }
  }
}

async function removeUnknown(folder: string, isKnown: (file: string) => boolean): Promise<void> {
  for (const file of await readdir(folder)) if (!isKnown(file)) await rm(join(folder, file), { recursive: true });
}

async function foldersIn(folder: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return [];
    throw error;
  }
}

/** Opens a blob's file for reading; it stays whole for whoever holds it, whatever happens to the name. */
export const openBlobFile = (store: BlobStore, blob: Blob) => open(store.pathOf(blob), 'r');

const newEtag = (): string => `"0x8D${randomBytes(7).toString('hex').toUpperCase()}"`;
