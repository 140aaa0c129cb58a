import { CodedError } from '../../lib/error.ts';
import type { ObjectInfo, ObjectRange } from '../backend.ts';
import { objectMissing, rangeOutside } from '../backends/failures.ts';
import type { ObjectService, ObjectVersion, PutAnswer, Retention } from '../backends/objectService.ts';

interface Version {
  readonly versionId: string;
  readonly bytes: Uint8Array;
  readonly isMarker: boolean;
  retention: Retention | undefined;
}

/** An object service in memory that keeps versions, forgets the condition of puts, and lists page-like, newest first. */
export class VersionedService implements ObjectService {
  readonly place = 'service in memory';
  /** Oldest first. */
  readonly #objects = new Map<string, Version[]>();
  readonly calls: string[] = [];
  mayRaiseMode = false;
  readonly #now: () => number;
  #versions = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  keepsVersions = async (): Promise<boolean> => true;

  async put(name: string, bytes: Uint8Array, retention: Retention | undefined): Promise<PutAnswer> {
    this.calls.push(`put ${name}`);
    return {
      outcome: 'created',
      versionId: this.#add(name, { bytes: new Uint8Array(bytes), isMarker: false, retention }),
    };
  }

  /** What somebody without a version's id does. */
  hide(name: string): void {
    this.#add(name, { bytes: new Uint8Array(0), isMarker: true, retention: undefined });
  }

  #add(name: string, version: Omit<Version, 'versionId'>): string {
    const versionId = `v${++this.#versions}`;
    this.#objects.set(name, [...(this.#objects.get(name) ?? []), { ...version, versionId }]);
    return versionId;
  }

  async get(name: string, versionId: string | undefined, range: ObjectRange | undefined): Promise<Uint8Array> {
    this.calls.push(`get ${name}`);
    const { bytes } = this.#find(name, versionId);
    const { offset, length } = range ?? { offset: 0, length: bytes.length };
    if (offset + length > bytes.length) throw rangeOutside(name, { offset, length });
    return bytes.slice(offset, offset + length);
  }

  async sizeOf(name: string, versionId?: string): Promise<number | undefined> {
    return this.#objects.get(name)?.find((version) => version.versionId === versionId)?.bytes.length;
  }

  list = (): AsyncIterable<ObjectInfo> => {
    throw new Error('a listing hides what was deleted; versions are asked for');
  };

  async *versions(prefix: string): AsyncIterable<ObjectVersion> {
    this.calls.push(`versions ${prefix}`);
    for (const [name, versions] of [...this.#objects].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      if (!name.startsWith(prefix)) continue;
      for (const { versionId, bytes, isMarker } of versions.toReversed()) {
        yield { name, versionId, sizeBytes: bytes.length, isMarker };
      }
    }
  }

  async delete(name: string, versionId?: string): Promise<void> {
    const versions = this.#objects.get(name) ?? [];
    const version = versions.find((one) => one.versionId === versionId);
    if (!version) return;
    this.calls.push(`delete ${name} ${versionId}`);
    if (version.retention && version.retention.until > this.#now()) throw refused();
    const left = versions.filter((one) => one !== version);
    if (left.length > 0) this.#objects.set(name, left);
    else this.#objects.delete(name);
  }

  async retention(name: string, versionId: string): Promise<Retention | undefined> {
    return this.#find(name, versionId).retention;
  }

  async retain(name: string, versionId: string, retention: Retention, raisesMode: boolean): Promise<void> {
    const version = this.#find(name, versionId);
    const before = version.retention;
    if (before && (before.until > retention.until || (before.mode !== retention.mode && !raisesMode))) throw refused();
    if (raisesMode && !this.mayRaiseMode) throw refused();
    version.retention = retention;
  }

  async now(): Promise<number> {
    return this.#now();
  }

  #find(name: string, versionId: string | undefined): Version {
    const version = this.#objects.get(name)?.find((one) => one.versionId === versionId);
    if (version) return version;
    throw objectMissing(name);
  }
}

const refused = (): CodedError => new CodedError('StoreIoFailed', 'The service did not do it (403, AccessDenied).');
