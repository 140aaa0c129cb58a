import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { PutObjectCommandInput } from '@aws-sdk/client-s3';
import type { Clock } from '../../lib/clock.ts';
import { CodedError, isCoded } from '../../lib/error.ts';
import type { Backend, ObjectInfo, ObjectRange, S3Spec } from '../backend.ts';
import { CloudBackend } from './cloud.ts';
import { readBody } from './cloudBody.ts';
import { Requests } from './cloudRequests.ts';
import { rangeOutside } from './failures.ts';
import type { ObjectService, ObjectVersion, PutAnswer, Retention } from './objectService.ts';
import { openS3Client, type S3Calls, s3FailureOf } from './s3Client.ts';
import { inOrder } from './s3Versions.ts';

/** Connects with the first call, and loads the SDK only then. */
export const openS3Backend = (spec: S3Spec, clock?: Clock): Backend =>
  new CloudBackend(new S3Service(spec, clock), { lock: spec.lock, clock });

/** What a pack has at most, for the time that a whole read may take. */
const WHOLE_BYTES = 16 * 1024 * 1024;

class S3Service implements ObjectService {
  readonly place: string;
  readonly #spec: S3Spec;
  readonly #requests: Requests;
  readonly #bucket: string;
  #opened: Promise<S3Calls> | undefined;
  #versioning: Promise<boolean> | undefined;

  constructor(spec: S3Spec, clock: Clock | undefined) {
    this.#spec = spec;
    this.#bucket = spec.bucket;
    this.place = `bucket '${spec.bucket}' at ${spec.endpoint}`;
    this.#requests = new Requests({ place: this.place, failureOf: s3FailureOf, ...(clock && { clock }) });
  }

  async keepsVersions(): Promise<boolean> {
    this.#versioning ??= this.#askVersioning();
    try {
      return await this.#versioning;
    } catch (error) {
      this.#versioning = undefined;
      throw error;
    }
  }

  async #askVersioning(): Promise<boolean> {
    const { sdk, client } = await this.#open();
    const status = await this.#requests.send(
      { verb: 'tell the versioning of', target: this.#bucket },
      async (signal) => {
        try {
          const command = new sdk.GetBucketVersioningCommand({ Bucket: this.#bucket });
          return (await client.send(command, { abortSignal: signal })).Status;
        } catch (error) {
          // a server without versions
          if (s3FailureOf(error)?.status === 501 || s3FailureOf(error)?.status === 405) return undefined;
          throw error;
        }
      },
    );
    if (this.#spec.lock && status !== 'Enabled') {
      throw new CodedError('StorePlaceUnsuitable', `The ${this.place} cannot lock objects: it keeps no versions.`, {
        recommendations: ['Make a bucket with object lock, or let the place be one without lock.'],
      });
    }
    return status === 'Enabled' || status === 'Suspended';
  }

  async put(
    name: string,
    bytes: Uint8Array,
    retention: Retention | undefined,
    callerSignal?: AbortSignal,
  ): Promise<PutAnswer> {
    const { sdk, client } = await this.#open();
    const input: PutObjectCommandInput = {
      ...this.#object(name),
      Body: bytes,
      IfNoneMatch: '*',
      ...this.#checksum(bytes),
      ...(retention && {
        ObjectLockMode: lockMode(retention),
        ObjectLockRetainUntilDate: new Date(retention.until),
      }),
    };
    const request = { verb: 'put', target: name, bytes: bytes.length, signal: callerSignal };
    return this.#requests.send(request, async (signal, attempt) => {
      try {
        const { VersionId } = await client.send(new sdk.PutObjectCommand(input), { abortSignal: signal });
        return { outcome: 'created', ...(VersionId !== undefined && { versionId: VersionId }) };
      } catch (error) {
        if (!isThereAlready(error)) throw error;
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

  /** Only Amazon's own service is known to compare the SHA-256; others take the header and look away. */
  #checksum(bytes: Uint8Array): Pick<PutObjectCommandInput, 'ChecksumSHA256' | 'ContentMD5'> {
    const { hostname } = new URL(this.#spec.endpoint);
    return /\.amazonaws\.com(\.cn)?$/.test(hostname)
      ? { ChecksumSHA256: createHash('sha256').update(bytes).digest('base64') }
      : { ContentMD5: createHash('md5').update(bytes).digest('base64') };
  }

  async get(name: string, versionId: string | undefined, range: ObjectRange | undefined): Promise<Uint8Array> {
    if (range?.length === 0) return this.#nothing(name, versionId, range);
    const { sdk, client } = await this.#open();
    const input = {
      ...this.#object(name, versionId),
      ...(range && { Range: `bytes=${range.offset}-${range.offset + range.length - 1}` }),
    };
    const request = { verb: 'get', target: name, bytes: range?.length ?? WHOLE_BYTES };
    return this.#requests.send(request, async (signal) => {
      try {
        const { Body, ContentLength } = await client.send(new sdk.GetObjectCommand(input), { abortSignal: signal });
        const body = Body as Readable;
        if (ContentLength !== undefined && (!range || ContentLength === range.length)) {
          return await readBody(body, ContentLength, signal);
        }
        body.destroy();
        if (range && ContentLength !== undefined && ContentLength < range.length) throw rangeOutside(name, range);
        throw new CodedError('StoreIoFailed', `The ${this.place} does not answer the range of '${name}' as asked.`);
      } catch (error) {
        throw range && s3FailureOf(error)?.status === 416 ? rangeOutside(name, range) : error;
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
    const { sdk, client } = await this.#open();
    const command = new sdk.HeadObjectCommand(this.#object(name, versionId));
    return this.#requests.send({ verb: 'show', target: name }, async (signal) => {
      try {
        return (await client.send(command, { abortSignal: signal })).ContentLength ?? 0;
      } catch (error) {
        if (s3FailureOf(error)?.status === 404) return undefined;
        throw error;
      }
    });
  }

  async *list(prefix: string): AsyncIterable<ObjectInfo> {
    const { sdk, client } = await this.#open();
    let token: string | undefined;
    do {
      const input = { ...this.#below(prefix), ...(token !== undefined && { ContinuationToken: token }) };
      const page = await this.#requests.send({ verb: 'list', target: prefix }, (signal) =>
        client.send(new sdk.ListObjectsV2Command(input), { abortSignal: signal }),
      );
      for (const { Key, Size } of page.Contents ?? []) {
        if (Key !== undefined) yield { name: this.#nameOf(Key), sizeBytes: Size ?? 0 };
      }
      token = page.IsTruncated ? this.#next(page.NextContinuationToken, token) : undefined;
    } while (token !== undefined);
  }

  async *versions(prefix: string): AsyncIterable<ObjectVersion> {
    const { sdk, client } = await this.#open();
    let next: { KeyMarker: string; VersionIdMarker?: string } | undefined;
    do {
      const input = { ...this.#below(prefix), ...next };
      const page = await this.#requests.send({ verb: 'list the versions of', target: prefix }, (signal) =>
        client.send(new sdk.ListObjectVersionsCommand(input), { abortSignal: signal }),
      );
      for (const version of inOrder(page.Versions ?? [], page.DeleteMarkers ?? [])) {
        yield { ...version, name: this.#nameOf(version.name) };
      }
      const { NextKeyMarker, NextVersionIdMarker } = page;
      const before = next && `${next.KeyMarker} ${next.VersionIdMarker}`;
      if (page.IsTruncated) this.#next(NextKeyMarker && `${NextKeyMarker} ${NextVersionIdMarker}`, before);
      next =
        page.IsTruncated && NextKeyMarker !== undefined
          ? { KeyMarker: NextKeyMarker, ...(NextVersionIdMarker && { VersionIdMarker: NextVersionIdMarker }) }
          : undefined;
    } while (next);
  }

  /** A listing that says it goes on and does not would be taken for the whole. */
  #next(next: string | undefined, before: string | undefined): string {
    if (next !== undefined && next !== '' && next !== before) return next;
    throw new CodedError('StoreLies', `A listing of the ${this.place} says that it goes on, but not where.`);
  }

  async delete(name: string, versionId?: string): Promise<void> {
    const { sdk, client } = await this.#open();
    const command = new sdk.DeleteObjectCommand(this.#object(name, versionId));
    await this.#requests.send({ verb: 'delete', target: name }, async (signal) => {
      try {
        await client.send(command, { abortSignal: signal });
      } catch (error) {
        const failure = s3FailureOf(error);
        if (failure?.status !== 404 || failure.code === 'NoSuchBucket') throw error;
      }
    });
  }

  async retention(name: string, versionId: string): Promise<Retention | undefined> {
    const { sdk, client } = await this.#open();
    const command = new sdk.GetObjectRetentionCommand(this.#object(name, versionId));
    return this.#requests.send({ verb: 'tell the lock of', target: name }, async (signal) => {
      try {
        const { Retention } = await client.send(command, { abortSignal: signal });
        if (!Retention?.RetainUntilDate) return undefined;
        const mode = Retention.Mode === 'COMPLIANCE' ? 'compliance' : 'governance';
        return { mode, until: Retention.RetainUntilDate.getTime() };
      } catch (error) {
        if (NOT_LOCKED.has(s3FailureOf(error)?.code ?? '')) return undefined;
        throw error;
      }
    });
  }

  async retain(name: string, versionId: string, retention: Retention, raisesMode: boolean): Promise<void> {
    const { sdk, client } = await this.#open();
    const command = new sdk.PutObjectRetentionCommand({
      ...this.#object(name, versionId),
      Retention: { Mode: lockMode(retention), RetainUntilDate: new Date(retention.until) },
      ...(raisesMode && { BypassGovernanceRetention: true }),
    });
    await this.#requests.send({ verb: 'lock', target: name }, (signal) =>
      client.send(command, { abortSignal: signal }),
    );
  }

  async now(): Promise<number | undefined> {
    const { sdk, client } = await this.#open();
    const command = new sdk.HeadBucketCommand({ Bucket: this.#bucket });
    let date: string | undefined;
    command.middlewareStack.add(
      (next) => async (args) => {
        const answer = await next(args);
        date = (answer.response as { headers?: Record<string, string> }).headers?.date;
        return answer;
      },
      { step: 'deserialize', name: 'storageDate' },
    );
    await this.#requests.send({ verb: 'show', target: this.#bucket }, (signal) =>
      client.send(command, { abortSignal: signal }),
    );
    const now = Date.parse(date ?? '');
    return Number.isNaN(now) ? undefined : now;
  }

  #object(name: string, versionId?: string): { Bucket: string; Key: string; VersionId?: string } {
    return {
      Bucket: this.#bucket,
      Key: `${this.#spec.prefix}${name}`,
      ...(versionId !== undefined && { VersionId: versionId }),
    };
  }

  #below(prefix: string): { Bucket: string; Prefix: string } {
    return { Bucket: this.#bucket, Prefix: `${this.#spec.prefix}${prefix}` };
  }

  #nameOf(key: string): string {
    return key.slice(this.#spec.prefix.length);
  }

  #open(): Promise<S3Calls> {
    this.#opened ??= openS3Client(this.#spec).catch((error: unknown) => {
      this.#opened = undefined;
      throw error;
    });
    return this.#opened;
  }
}

const NOT_LOCKED: ReadonlySet<string> = new Set([
  'ObjectLockConfigurationNotFoundError',
  'NoSuchObjectLockConfiguration',
]);

const lockMode = ({ mode }: Retention): 'GOVERNANCE' | 'COMPLIANCE' =>
  mode === 'compliance' ? 'COMPLIANCE' : 'GOVERNANCE';

/** 409 alone says that another put or delete of the name is under way. */
const isThereAlready = (error: unknown): boolean => s3FailureOf(error)?.status === 412;
