import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { BlobImmutabilityPolicy, ContainerClient } from '@azure/storage-blob';
import type { Clock } from '../../lib/clock.ts';
import { CodedError, isCoded } from '../../lib/error.ts';
import type { AzureBlobSpec, Backend, ObjectInfo, ObjectRange } from '../backend.ts';
import { blobFailureOf, openContainerClient } from './azureBlobClient.ts';
import { CloudBackend } from './cloud.ts';
import { readBody } from './cloudBody.ts';
import { Requests } from './cloudRequests.ts';
import { rangeOutside } from './failures.ts';
import type { ObjectService, ObjectVersion, PutAnswer, Retention } from './objectService.ts';

/** Connects with the first call, and loads the SDK only then. */
export const openAzureBlobBackend = (spec: AzureBlobSpec, clock?: Clock): Backend =>
  new CloudBackend(new AzureBlobService(spec, clock), { lock: spec.lock, clock });

/** What a pack has at most, for the time that a whole read may take. */
const WHOLE_BYTES = 16 * 1024 * 1024;

const PAGE = 1000;

class AzureBlobService implements ObjectService {
  readonly place: string;
  readonly #spec: AzureBlobSpec;
  readonly #requests: Requests;
  #opened: Promise<ContainerClient> | undefined;

  constructor(spec: AzureBlobSpec, clock: Clock | undefined) {
    this.#spec = spec;
    this.place = `container '${spec.container}' at ${spec.endpoint}`;
    this.#requests = new Requests({ place: this.place, failureOf: blobFailureOf, ...(clock && { clock }) });
  }

  /** Version-level immutability, which locks need, goes with versions; an account's name cannot ask for either. */
  async keepsVersions(): Promise<boolean> {
    return this.#spec.lock !== undefined;
  }

  async put(
    name: string,
    bytes: Uint8Array,
    retention: Retention | undefined,
    callerSignal?: AbortSignal,
  ): Promise<PutAnswer> {
    const container = await this.#open();
    const blob = container.getBlockBlobClient(`${this.#spec.prefix}${name}`);
    const options = {
      conditions: { ifNoneMatch: '*' },
      transactionalContentMD5: createHash('md5').update(bytes).digest(),
      ...(retention && { immutabilityPolicy: policyOf(retention) }),
    };
    const request = { verb: 'put', target: name, bytes: bytes.length, signal: callerSignal };
    return this.#requests.send(request, async (signal, attempt) => {
      try {
        const { versionId } = await blob.upload(bytes, bytes.length, { ...options, abortSignal: signal });
        return { outcome: 'created', ...(versionId !== undefined && { versionId }) };
      } catch (error) {
        const { status, code } = blobFailureOf(error) ?? {};
        if (status === 501 && retention) throw this.#cannotLock(error);
        if (code !== 'BlobAlreadyExists' && code !== 'ConditionNotMet' && status !== 412) throw error;
      }
      // an attempt before this one may have got through though its answer did not
      return { outcome: attempt > 1 && (await this.#holds(name, bytes)) ? 'created' : 'exists' };
    });
  }

  async #holds(name: string, bytes: Uint8Array): Promise<boolean> {
    try {
      return Buffer.compare(await this.get(name, undefined, undefined), bytes) === 0;
    } catch (error) {
      if (isCoded(error, 'StoreObjectMissing')) return false;
      throw error;
    }
  }

  async get(name: string, versionId: string | undefined, range: ObjectRange | undefined): Promise<Uint8Array> {
    if (range?.length === 0) return this.#nothing(name, versionId, range);
    const blob = await this.#blob(name, versionId);
    const request = { verb: 'get', target: name, bytes: range?.length ?? WHOLE_BYTES };
    return this.#requests.send(request, async (signal) => {
      try {
        const answer = await blob.download(range?.offset ?? 0, range?.length, { abortSignal: signal });
        const { contentLength } = answer;
        const body = answer.readableStreamBody as Readable;
        if (contentLength !== undefined && (!range || contentLength === range.length)) {
          return await readBody(body, contentLength, signal);
        }
        body.destroy();
        if (range && contentLength !== undefined && contentLength < range.length) throw rangeOutside(name, range);
        throw new CodedError('StoreIoFailed', `The ${this.place} does not answer the range of '${name}' as asked.`);
      } catch (error) {
        throw range && blobFailureOf(error)?.status === 416 ? rangeOutside(name, range) : error;
      }
    });
  }

  /** HTTP has no empty ranges. */
  async #nothing(name: string, versionId: string | undefined, range: ObjectRange): Promise<Uint8Array> {
    const sizeBytes = await this.sizeOf(name, versionId);
    if (sizeBytes !== undefined && range.offset <= sizeBytes) return new Uint8Array(0);
    if (sizeBytes === undefined) await this.get(name, versionId, undefined);
    throw rangeOutside(name, range);
  }

  async sizeOf(name: string, versionId?: string): Promise<number | undefined> {
    const blob = await this.#blob(name, versionId);
    return this.#requests.send({ verb: 'show', target: name }, async (signal) => {
      try {
        return (await blob.getProperties({ abortSignal: signal })).contentLength ?? 0;
      } catch (error) {
        const failure = blobFailureOf(error);
        if (failure?.status === 404 && failure.code !== 'ContainerNotFound') return undefined;
        throw error;
      }
    });
  }

  async *list(prefix: string): AsyncIterable<ObjectInfo> {
    for await (const { name, sizeBytes } of this.#listed(prefix, false)) yield { name, sizeBytes };
  }

  async *versions(prefix: string): AsyncIterable<ObjectVersion> {
    let ofOneKey: ObjectVersion[] = [];
    for await (const version of this.#listed(prefix, true)) {
      if (ofOneKey[0] && ofOneKey[0].name !== version.name) {
        yield* newestFirst(ofOneKey);
        ofOneKey = [];
      }
      ofOneKey.push(version);
    }
    yield* newestFirst(ofOneKey);
  }

  async *#listed(prefix: string, includeVersions: boolean): AsyncIterable<ObjectVersion> {
    const container = await this.#open();
    let token: string | undefined;
    do {
      const settings = { maxPageSize: PAGE, ...(token !== undefined && { continuationToken: token }) };
      const page = await this.#requests.send({ verb: 'list', target: prefix }, async (signal) => {
        const options = { prefix: `${this.#spec.prefix}${prefix}`, includeVersions, abortSignal: signal };
        const pages = container.listBlobsFlat(options).byPage(settings);
        for await (const first of pages) return first;
        return undefined;
      });
      for (const { name, versionId = '', properties } of page?.segment.blobItems ?? []) {
        yield {
          name: name.slice(this.#spec.prefix.length),
          versionId,
          sizeBytes: properties.contentLength ?? 0,
          isMarker: false,
        };
      }
      const next = page?.continuationToken || undefined;
      if (next !== undefined && next === token) {
        throw new CodedError('StoreLies', `A listing of the ${this.place} says that it goes on, but not where.`);
      }
      token = next;
    } while (token !== undefined);
  }

  async delete(name: string, versionId?: string): Promise<void> {
    const blob = await this.#blob(name, versionId);
    await this.#requests.send({ verb: 'delete', target: name }, async (signal) => {
      try {
        await blob.delete({ abortSignal: signal });
      } catch (error) {
        const failure = blobFailureOf(error);
        if (versionId !== undefined && failure?.code === 'OperationNotAllowedOnRootBlob') return deleteRoot(signal);
        if (failure?.status !== 404 || failure.code === 'ContainerNotFound') throw error;
      }
    });
    // the version that is current can only be deleted as the blob itself, which makes an older version of it
    async function deleteRoot(signal: AbortSignal): Promise<void> {
      await blob.withVersion('').delete({ abortSignal: signal });
      await blob.delete({ abortSignal: signal });
    }
  }

  async retention(name: string, versionId: string): Promise<Retention | undefined> {
    const blob = await this.#blob(name, versionId);
    return this.#requests.send({ verb: 'tell the lock of', target: name }, async (signal) => {
      const properties = await blob.getProperties({ abortSignal: signal });
      const until = properties.immutabilityPolicyExpiresOn?.getTime();
      const mode = properties.immutabilityPolicyMode?.toLowerCase() === 'locked' ? 'compliance' : 'governance';
      return until === undefined ? undefined : { mode, until };
    });
  }

  async retain(name: string, versionId: string, retention: Retention): Promise<void> {
    const blob = await this.#blob(name, versionId);
    await this.#requests.send({ verb: 'lock', target: name }, async (signal) => {
      try {
        await blob.setImmutabilityPolicy(policyOf(retention), { abortSignal: signal });
      } catch (error) {
        throw blobFailureOf(error)?.status === 501 ? this.#cannotLock(error) : error;
      }
    });
  }

  #cannotLock(cause: unknown): CodedError {
    return new CodedError('StorePlaceUnsuitable', `The ${this.place} cannot lock objects: it has no immutability.`, {
      recommendations: ['Turn version-level immutability on, or let the place be one without lock.'],
      cause,
    });
  }

  async now(): Promise<number | undefined> {
    const container = await this.#open();
    const answer = await this.#requests.send({ verb: 'show', target: this.#spec.container }, (signal) =>
      container.getProperties({ abortSignal: signal }),
    );
    return answer.date?.getTime();
  }

  async #blob(name: string, versionId: string | undefined): Promise<ReturnType<ContainerClient['getBlobClient']>> {
    const blob = (await this.#open()).getBlobClient(`${this.#spec.prefix}${name}`);
    return versionId ? blob.withVersion(versionId) : blob;
  }

  #open(): Promise<ContainerClient> {
    this.#opened ??= openContainerClient(this.#spec).catch((error: unknown) => {
      this.#opened = undefined;
      throw error;
    });
    return this.#opened;
  }
}

/** Who holds a special right may shorten an unlocked policy; nobody a locked one. */
const policyOf = ({ mode, until }: Retention): BlobImmutabilityPolicy => ({
  expiriesOn: new Date(until),
  policyMode: mode === 'compliance' ? 'Locked' : 'Unlocked',
});

/** A version's id is its time, and sorts as it. */
const newestFirst = (versions: readonly ObjectVersion[]): readonly ObjectVersion[] =>
  versions.toSorted((a, b) => (a.versionId < b.versionId ? 1 : -1));
