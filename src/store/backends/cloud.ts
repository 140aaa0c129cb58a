import { type Clock, DAY_MS, isoTime, systemClock } from '../../lib/clock.ts';
import { CodedError, isCoded } from '../../lib/error.ts';
import type { Backend, LockSpec, ObjectInfo, ObjectLock, ObjectRange } from '../backend.ts';
import { assertObjectName, isObjectName } from '../format/names.ts';
import { objectMissing } from './failures.ts';
import type { ObjectService, ObjectVersion, PutAnswer, Retention } from './objectService.ts';

export interface CloudOptions {
  readonly lock?: LockSpec | undefined;
  readonly clock?: Clock | undefined;
}

/** A name's object: the version that was put first. */
interface FirstVersion {
  readonly versionId: string;
  readonly sizeBytes: number;
}

const REMEMBERED_VERSIONS = 4096;

/**
 * A store's objects on an object service. Where the service keeps versions, a name means the version that was put
 * first: what others put over it, or a delete that hides it, changes nothing that is read, and deleting takes all
 * versions. This makes put-if-absent also of services that forget the condition on buckets with versions.
 */
export class CloudBackend implements Backend {
  readonly lock?: ObjectLock;
  readonly #service: ObjectService;
  readonly #lockSpec: LockSpec | undefined;
  readonly #clock: Clock;
  /** Oldest first; for reads and locks alone, and never of what is absent: that may end at any time. */
  readonly #firstVersions = new Map<string, FirstVersion>();

  constructor(service: ObjectService, options: CloudOptions) {
    this.#service = service;
    this.#lockSpec = options.lock;
    this.#clock = options.clock ?? systemClock;
    if (options.lock) {
      const { mode } = options.lock;
      this.lock = {
        retainedUntil: async (name) => (await this.#retention(name)).retention?.until,
        extend: (name, until) => this.#extend(name, { mode, until }),
        raise: (name) => this.#raise(name, mode),
      };
    }
  }

  async put(name: string, bytes: Uint8Array, signal?: AbortSignal): Promise<'created' | 'exists'> {
    assertObjectName(name);
    signal?.throwIfAborted();
    if ((await this.#service.keepsVersions()) && (await this.#firstVersion(name))) return 'exists';
    let why = '';
    for (let attempt = 0; attempt < 2; attempt++) {
      const answer = await this.#service.put(name, bytes, this.#landing(), signal);
      if (answer.outcome === 'exists') return 'exists';
      const checked = await this.#checkPut(name, bytes.length, answer);
      if (checked.outcome) return checked.outcome;
      why = checked.why;
    }
    throw this.#lies(name, why);
  }

  #lies(name: string, why: string, cause?: unknown): CodedError {
    return new CodedError('StoreLies', `The ${this.#service.place} said that it stored '${name}', but ${why}.`, {
      target: name,
      recommendations: [
        'Do not trust this storage before its operator explains it; `strongroom store probe` tries it.',
      ],
      cause,
    });
  }

  /** An answer of 'created' is believed when the object is there in full size. */
  async #checkPut(name: string, sizeBytes: number, answer: PutAnswer): Promise<CheckedPut> {
    if (!(await this.#service.keepsVersions())) {
      const found = await this.#service.sizeOf(name);
      if (found === sizeBytes) return { outcome: 'created' };
      if (found === undefined) return { why: 'it is not there' };
      return this.#takeBack(name, undefined, `${found} of ${sizeBytes} bytes are there`);
    }
    const versions = (await this.#versionsOf(name)).filter(({ isMarker }) => !isMarker);
    const ours = versions.find(({ versionId }) => versionId === answer.versionId);
    if (!ours) return { why: 'it is not there' };
    if (ours.sizeBytes !== sizeBytes) {
      return this.#takeBack(name, ours.versionId, `${ours.sizeBytes} of ${sizeBytes} bytes are there`);
    }
    // of several that were put at the same time, the first counts, which all of them see alike
    if (versions.at(-1) !== ours) return { outcome: 'exists' };
    this.#remember(name, ours);
    return { outcome: 'created' };
  }

  /** What this very put made, so that the next attempt finds its name free. */
  async #takeBack(name: string, versionId: string | undefined, why: string): Promise<CheckedPut> {
    try {
      await this.#service.delete(name, versionId);
      return { why };
    } catch (error) {
      if (!isCoded(error)) throw error;
      throw this.#lies(name, `${why}, and cannot be deleted`, error);
    }
  }

  async get(name: string, range?: ObjectRange): Promise<Uint8Array> {
    assertObjectName(name);
    if (!(await this.#service.keepsVersions())) return this.#service.get(name, undefined, range);
    return this.#ofFirst(name, ({ versionId }) => this.#service.get(name, versionId, range));
  }

  async head(name: string): Promise<{ readonly sizeBytes: number } | undefined> {
    assertObjectName(name);
    if (!(await this.#service.keepsVersions())) {
      const sizeBytes = await this.#service.sizeOf(name);
      return sizeBytes === undefined ? undefined : { sizeBytes };
    }
    const version = await this.#firstVersion(name);
    return version && { sizeBytes: version.sizeBytes };
  }

  async *list(prefix: string): AsyncIterable<ObjectInfo> {
    const versions = await this.#service.keepsVersions();
    for await (const { name, sizeBytes } of versions ? this.#firstVersionsOf(prefix) : this.#service.list(prefix)) {
      // others may have put what no store would
      if (isObjectName(name)) yield { name, sizeBytes };
    }
  }

  async *#firstVersionsOf(prefix: string): AsyncIterable<ObjectInfo> {
    let first: ObjectVersion | undefined;
    for await (const version of this.#service.versions(prefix)) {
      if (version.isMarker) continue;
      if (first && first.name !== version.name) yield first;
      first = version;
    }
    if (first) yield first;
  }

  async delete(name: string): Promise<void> {
    assertObjectName(name);
    this.#firstVersions.delete(name);
    if (!(await this.#service.keepsVersions())) return this.#deleteVersion(name, undefined);
    const versions = await this.#versionsOf(name);
    const first = versions.findLast(({ isMarker }) => !isMarker);
    if (first && this.#lockSpec) {
      const retention = await this.#service.retention(name, first.versionId);
      if (retention && retention.until > this.#clock.now()) throw this.#locked(name, retention);
    }
    // the first goes last: while any is left, the name means what it always meant
    for (const { versionId } of versions) await this.#deleteVersion(name, versionId);
  }

  async #deleteVersion(name: string, versionId: string | undefined): Promise<void> {
    assertObjectName(name);
    try {
      await this.#service.delete(name, versionId);
    } catch (error) {
      if (!isCoded(error, 'StoreIoFailed') && !isCoded(error, 'StoreObjectLocked')) throw error;
      if (versionId === undefined || !this.#lockSpec) throw error;
      // services answer a lock as any other refusal
      const retention = await this.#service.retention(name, versionId).catch(() => undefined);
      if (!retention || retention.until <= this.#clock.now()) throw error;
      throw this.#locked(name, retention, error);
    }
  }

  #locked(name: string, { mode, until }: Retention, cause?: unknown): CodedError {
    const message = `'${name}' is locked in ${mode} mode until ${isoTime(until)}.`;
    return new CodedError('StoreObjectLocked', message, {
      target: name,
      recommendations: ['It can be deleted after that time.'],
      cause,
    });
  }

  async #extend(name: string, wanted: Retention): Promise<void> {
    const { version, retention } = await this.#retention(name);
    const until = Math.max(wanted.until, retention?.until ?? 0);
    const mode = retention?.mode === 'compliance' ? 'compliance' : wanted.mode;
    if (retention && retention.until >= until && retention.mode === mode) return;
    const raisesMode = retention?.mode === 'governance' && mode === 'compliance';
    try {
      await this.#service.retain(name, version.versionId, { mode, until }, raisesMode);
    } catch (error) {
      // another extended it meanwhile, or these credentials may not raise the mode: then the time alone
      if (!isCoded(error, 'StoreIoFailed')) throw error;
      const now = (await this.#retention(name)).retention;
      if (!now || (now.until < until && !raisesMode)) throw error;
      if (now.until >= until) return;
      await this.#service.retain(name, version.versionId, { mode: now.mode, until }, false);
    }
  }

  async #raise(name: string, mode: Retention['mode']): Promise<void> {
    const { version, retention } = await this.#retention(name);
    if (mode === 'governance' || !retention || retention.mode === mode || retention.until <= this.#clock.now()) return;
    await this.#service.retain(name, version.versionId, { mode, until: retention.until }, true);
  }

  async #retention(name: string): Promise<{ version: FirstVersion; retention: Retention | undefined }> {
    assertObjectName(name);
    return this.#ofFirst(name, async (version) => ({
      version,
      retention: await this.#service.retention(name, version.versionId),
    }));
  }

  /** With what is remembered; that may have been deleted and put again by another process, then with what is there. */
  async #ofFirst<Result>(name: string, use: (version: FirstVersion) => Promise<Result>): Promise<Result> {
    const remembered = this.#firstVersions.get(name);
    try {
      if (remembered) return await use(remembered);
    } catch (error) {
      if (!isCoded(error, 'StoreObjectMissing')) throw error;
    }
    return use(await this.#requireVersion(name));
  }

  async #requireVersion(name: string): Promise<FirstVersion> {
    const version = await this.#firstVersion(name);
    if (version) return version;
    throw objectMissing(name);
  }

  /** Asks the service, and remembers the answer. */
  async #firstVersion(name: string): Promise<FirstVersion | undefined> {
    this.#firstVersions.delete(name);
    const version = (await this.#versionsOf(name)).findLast(({ isMarker }) => !isMarker);
    if (version) this.#remember(name, version);
    return version;
  }

  #remember(name: string, { versionId, sizeBytes }: FirstVersion): void {
    this.#firstVersions.set(name, { versionId, sizeBytes });
    const [oldest] = this.#firstVersions.keys();
    if (this.#firstVersions.size > REMEMBERED_VERSIONS && oldest !== undefined) this.#firstVersions.delete(oldest);
  }

  /** Newest first. */
  async #versionsOf(name: string): Promise<readonly ObjectVersion[]> {
    assertObjectName(name);
    const versions: ObjectVersion[] = [];
    for await (const version of this.#service.versions(name)) {
      // longer names come after it
      if (version.name !== name) break;
      versions.push(version);
    }
    return versions;
  }

  storageNow(): Promise<number | undefined> {
    return this.#service.now();
  }

  #landing(): Retention | undefined {
    if (!this.#lockSpec) return undefined;
    const { mode, landingDays } = this.#lockSpec;
    return { mode, until: this.#clock.now() + landingDays * DAY_MS };
  }
}

type CheckedPut = { readonly outcome: 'created' | 'exists' } | { readonly outcome?: undefined; readonly why: string };
