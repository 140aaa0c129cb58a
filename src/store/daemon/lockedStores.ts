import { createHash } from 'node:crypto';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DAY_MS, isoTime } from '../../lib/clock.ts';
import { CodedError } from '../../lib/error.ts';
import { KeyedLock } from '../../lib/keyedLock.ts';
import type { ObjectInfo, ObjectRange } from '../backend.ts';
import { DiskBackend } from '../backends/disk.ts';
import { objectMissing, rangeOutside } from '../backends/failures.ts';
import { assertObjectName } from '../format/names.ts';
import { MAX_OBJECT_BYTES } from './daemonWire.ts';
import type { FileFlags } from './fileFlags.ts';
import { FlagQueue } from './flagQueue.ts';
import type { HeldClock } from './heldClock.ts';
import type { LockTable } from './lockTable.ts';

/** Locks are asked for in whole steps, so the longest one may be a step too long. */
const STEP_DAYS = 31;

export interface LockRules {
  readonly landingDays: number;
  readonly maxLockDays: number;
}

export interface LockedStoresOptions extends LockRules {
  /** Absolute. */
  readonly root: string;
  readonly table: LockTable;
  readonly clock: HeldClock;
  readonly flags: FileFlags | undefined;
  readonly report: (event: { readonly message: string }) => void;
}

/** The stores of one daemon: objects as files of its own, each with its lock in the table before it appears. */
export class LockedStores implements AsyncDisposable {
  readonly #options: LockedStoresOptions;
  readonly #stores = new Map<string, DiskBackend>();
  /** Put, extend and delete of one object, one after another. */
  readonly #names = new KeyedLock();
  readonly #flags: FlagQueue | undefined;

  private constructor(options: LockedStoresOptions) {
    this.#options = options;
    const { flags, table, report } = options;
    this.#flags = flags && new FlagQueue({ flags, table, report, pathOf: (store, name) => this.#pathOf(store, name) });
  }

  /** Ends what an earlier run began. Errors: StoreIoFailed. */
  static async open(options: LockedStoresOptions): Promise<LockedStores> {
    const stores = new LockedStores(options);
    await mkdir(storesFolder(options.root), { recursive: true, mode: 0o700 });
    // a scratch file is the same file as the object made of it: it goes before the object becomes immutable
    for (const store of await readdir(storesFolder(options.root))) await stores.#disk(store).removeLeftovers();
    stores.#flags?.catchUp();
    return stores;
  }

  /** Errors: StoreDataDamaged (not the bytes of that name), StoreFull, StoreIoFailed, InvalidParameter. */
  async put(store: string, name: string, bytes: Uint8Array, landingDays = 0): Promise<'created' | 'exists'> {
    assertObjectName(name);
    assertNamedSo(name, bytes);
    const { table, clock, landingDays: least, maxLockDays } = this.#options;
    const days = Math.min(Math.max(landingDays, least), maxLockDays);
    return this.#names.run(`${store}/${name}`, async () => {
      table.keep(store, name, clock.now() + days * DAY_MS);
      const outcome = await this.#disk(store).put(name, bytes);
      if (outcome === 'created' && days > 0) this.#flags?.add({ store, name });
      return outcome;
    });
  }

  /** Errors: StoreObjectMissing, StoreDataDamaged (the range lies outside), StoreIoFailed. */
  async get(store: string, name: string, range?: ObjectRange): Promise<Uint8Array> {
    const found = await this.#disk(store).head(name);
    if (!found) throw objectMissing(name);
    const wanted = range ?? { offset: 0, length: found.sizeBytes };
    if (wanted.offset + wanted.length > found.sizeBytes) throw rangeOutside(name, wanted);
    if (wanted.length <= MAX_OBJECT_BYTES) return this.#disk(store).get(name, wanted);
    throw new CodedError('InvalidParameter', `At most ${MAX_OBJECT_BYTES} bytes are read at once.`, { target: name });
  }

  head(store: string, name: string): Promise<{ readonly sizeBytes: number } | undefined> {
    return this.#disk(store).head(name);
  }

  list(store: string, prefix: string): AsyncIterable<ObjectInfo> {
    return this.#disk(store).list(prefix);
  }

  /** ms since 1970. Errors: StoreObjectMissing. */
  async lockedUntil(store: string, name: string): Promise<number> {
    if (!(await this.head(store, name))) throw objectMissing(name);
    return this.#lockOf(store, name);
  }

  /** Never shortens; resolves to when the lock ends now. Errors: StoreObjectMissing, InvalidParameter. */
  async extend(store: string, name: string, until: number): Promise<number> {
    const { table, clock, maxLockDays } = this.#options;
    const latest = clock.now() + (maxLockDays + STEP_DAYS) * DAY_MS;
    if (!Number.isSafeInteger(until) || until < 0 || until > latest) {
      throw new CodedError('InvalidParameter', `until must be ms since 1970, at most ${isoTime(latest)}.`, {
        target: 'until',
        recommendations: [`The daemon locks nothing for longer than ${maxLockDays} days: --max-lock-days.`],
      });
    }
    return this.#names.run(`${store}/${name}`, async () => {
      if (!(await this.head(store, name))) throw objectMissing(name);
      table.keep(store, name, Math.max(until, this.#lockOf(store, name)));
      return this.#lockOf(store, name);
    });
  }

  /** No error when the object is absent. Errors: StoreObjectLocked, StoreIoFailed. */
  async delete(store: string, name: string): Promise<void> {
    const { table, clock, flags } = this.#options;
    await this.#names.run(`${store}/${name}`, async () => {
      if (!(await this.head(store, name))) return;
      this.assertExpired(store, name);
      // also one that the table does not know to be immutable: it may be another table than the one that knew
      table.markImmutable(store, [name], false);
      await flags?.clear([this.#pathOf(store, name)]);
      await this.#disk(store).delete(name);
      table.forget(store, name);
      table.writeClock(clock.state());
    });
  }

  /** Errors: StoreObjectLocked. */
  assertExpired(store: string, name: string): void {
    const until = this.#lockOf(store, name);
    if (until <= this.#options.clock.now()) return;
    throw new CodedError('StoreObjectLocked', `'${name}' is locked until ${isoTime(until)}.`, {
      target: name,
      recommendations: ['It can be deleted then; nothing lifts the lock earlier.'],
    });
  }

  /** An object that the table does not know was not put by this daemon, or the table was lost: it is kept. */
  #lockOf(store: string, name: string): number {
    const { table, clock, landingDays } = this.#options;
    const known = table.find(store, name);
    if (known !== undefined) return known;
    const until = Math.max(clock.now() + landingDays * DAY_MS, table.readAdoptedUntil());
    table.keep(store, name, until);
    return until;
  }

  #disk(store: string): DiskBackend {
    const known = this.#stores.get(store);
    if (known) return known;
    const disk = new DiskBackend(join(storesFolder(this.#options.root), store));
    this.#stores.set(store, disk);
    return disk;
  }

  #pathOf(store: string, name: string): string {
    return join(storesFolder(this.#options.root), store, name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#flags?.[Symbol.asyncDispose]();
  }
}

export const storesFolder = (root: string): string => join(root, 'stores');

const NAMED_BY_HASH = /\.([0-9a-f]{64})$/;

/** Who would put other bytes under a name that is still to come spoils it for the one who comes with the right ones. */
const assertNamedSo = (name: string, bytes: Uint8Array): void => {
  const wanted = NAMED_BY_HASH.exec(name)?.[1];
  if (wanted === undefined || createHash('sha256').update(bytes).digest('hex') === wanted) return;
  throw new CodedError('StoreDataDamaged', `The bytes for '${name}' do not have the SHA-256 that the name says.`, {
    target: name,
  });
};
