import { type Clock, systemClock } from '../../lib/clock.ts';
import { CodedError, isCoded } from '../../lib/error.ts';
import { KeyedLock } from '../../lib/keyedLock.ts';
import { unlessAborted } from '../../lib/unlessAborted.ts';
import type { Backend, CopyGap, ObjectInfo, ObjectLock, ObjectRange } from '../backend.ts';
import { assertObjectName } from '../format/names.ts';
import { promisedSha256, sha256Of } from '../objectHash.ts';
import { isRefusedDeletion } from '../refusedDeletion.ts';
import { Copy, type PutSlot, reasonOf } from './copy.ts';
import { type Failure, resting, restingFailure, told, unreadable, wrongBytes } from './copyFailures.ts';
import { ReplicatedLock } from './replicatedLock.ts';
import { listingParts, unionUnder } from './unionList.ts';

export interface NamedCopy {
  /** The place's. */
  readonly name: string;
  readonly backend: Backend;
}

interface Attempt {
  readonly copy: Copy;
  readonly outcome?: 'created' | 'exists';
  readonly error?: unknown;
}

interface CopySlot {
  readonly copy: Copy;
  /** Undefined: the copy rests. */
  readonly slot: PutSlot | undefined;
}

/** What a whole read is taken to carry, for the time it may take. */
const USUAL_BYTES = 16 * 1024 * 1024;

/**
 * One store in several places; docs/replication.md. A put is answered when `quorum` copies have it, a listing when
 * so many copies answered that nothing acknowledged is missed, a delete when every copy did it. With one copy it is
 * that copy, whose every call is answered in time.
 */
export class ReplicatedBackend implements Backend {
  readonly copies: readonly Backend[];
  readonly lock?: ObjectLock;
  readonly storageNow?: () => Promise<number | undefined>;
  readonly #copies: readonly Copy[];
  readonly #quorum: number;
  readonly #names = new KeyedLock();
  readonly #underWay = new Set<Promise<unknown>>();
  readonly #gaps = new Map<string, CopyGap>();

  /** `copies`: nearest first. */
  constructor(copies: readonly NamedCopy[], quorum: number, clock: Clock = systemClock) {
    if (quorum < 1 || quorum > copies.length)
      throw new CodedError('InvalidParameter', `The quorum is ${quorum}; legal is 1 to ${copies.length}.`);
    // what is asked of one copy alone is watched as well
    this.copies =
      copies.length === 1
        ? copies.map(({ backend }) => backend)
        : copies.map((copy) => new ReplicatedBackend([copy], 1, clock));
    this.#copies = copies.map(({ name, backend }) => new Copy(name, backend, clock));
    this.#quorum = quorum;
    if (copies.every(({ backend }) => backend.lock)) this.lock = new ReplicatedLock(this.#copies, quorum);
    if (copies.some(({ backend }) => backend.storageNow)) this.storageNow = () => this.#worstTime(clock);
  }

  async put(name: string, bytes: Uint8Array, signal?: AbortSignal): Promise<'created' | 'exists'> {
    assertObjectName(name);
    signal?.throwIfAborted();
    if (promisedSha256(name) !== undefined) return this.#spread(name, bytes, signal);
    return this.#names.run(name, () => this.#putDecided(name, bytes, signal));
  }

  async get(name: string, range?: ObjectRange): Promise<Uint8Array> {
    assertObjectName(name);
    const promised = range ? undefined : promisedSha256(name);
    const failures: Failure[] = [];
    for (const copy of this.#inReadingOrder()) {
      try {
        const bytes = await copy.call(() => copy.backend.get(name, range), range?.length ?? USUAL_BYTES);
        if (promised === undefined || sha256Of(bytes) === promised) return bytes;
        failures.push({ copy, error: wrongBytes(name, copy) });
      } catch (error) {
        failures.push({ copy, error });
      }
    }
    throw failures.length === 1 ? failures[0]!.error : unreadable(name, failures);
  }

  async head(name: string): Promise<{ readonly sizeBytes: number } | undefined> {
    assertObjectName(name);
    const resting = this.#dispensable();
    const failures: Failure[] = resting.map(restingFailure);
    for (const copy of this.#inReadingOrder()) {
      if (resting.includes(copy)) continue;
      try {
        const found = await copy.call(() => copy.backend.head(name));
        if (found) return found;
      } catch (error) {
        failures.push({ copy, error });
      }
    }
    this.#requireEnough(`whether '${name}' is there`, failures);
    return undefined;
  }

  async *list(prefix: string): AsyncIterable<ObjectInfo> {
    for (const part of listingParts(prefix)) {
      const resting = this.#dispensable();
      const { objects, failures } = await unionUnder(
        this.#copies.filter((copy) => !resting.includes(copy)),
        part,
      );
      this.#requireEnough(`what is under '${prefix}'`, [...failures, ...resting.map(restingFailure)]);
      yield* objects.values();
    }
  }

  async delete(name: string): Promise<void> {
    assertObjectName(name);
    const failures: Failure[] = [];
    await Promise.all(
      this.#copies.map((copy) =>
        copy.call(() => copy.backend.delete(name)).catch((error: unknown) => failures.push({ copy, error })),
      ),
    );
    if (failures.length === 0) return;
    if (this.#copies.length === 1) throw failures[0]!.error;
    // a place without a reaper refuses every time, as one that holds the object does
    const locked = failures.find(({ error }) => isRefusedDeletion(error));
    throw new CodedError(
      locked ? 'StoreObjectLocked' : 'StoreIoFailed',
      `'${name}' could not be deleted in every place: ${told(failures)}`,
      { target: name, cause: (locked ?? failures[0])?.error },
    );
  }

  async gaps(): Promise<readonly CopyGap[]> {
    await Promise.all(this.#underWay);
    const gaps = [...this.#gaps.values()];
    this.#gaps.clear();
    return gaps;
  }

  /** The name promises nothing of the bytes: what any copy has already is the object, for all of them. */
  async #putDecided(name: string, bytes: Uint8Array, signal?: AbortSignal): Promise<'created' | 'exists'> {
    const there = (await this.head(name)) && (await this.get(name));
    if (there) {
      await this.#spread(name, there, signal);
      return 'exists';
    }
    // another process may put it at the same moment: the nearest copy decides between the two
    for (const copy of this.#copies) {
      const slot = await copy.slot(false, signal);
      const attempt = await (slot && this.#attempt({ copy, slot }, name, new Uint8Array(bytes), signal ?? NEVER));
      signal?.throwIfAborted();
      if (!attempt?.outcome) continue;
      const { outcome } = attempt;
      const decided = outcome === 'exists' ? await copy.call(() => copy.backend.get(name), USUAL_BYTES) : bytes;
      await this.#spread(name, decided, signal);
      return outcome;
    }
    return this.#spread(name, bytes, signal);
  }

  /** To all copies at once; answered when the quorum has it. */
  async #spread(name: string, bytes: Uint8Array, signal?: AbortSignal): Promise<'created' | 'exists'> {
    // copies that are late go on with it after the caller has its bytes back
    const kept = new Uint8Array(bytes);
    const stop = new AbortController();
    const abort = () => stop.abort(signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    try {
      const attempts = (await this.#slots(signal)).map((slot) => this.#attempt(slot, name, kept, stop.signal));
      return await unlessAborted(this.#quorumOf(name, attempts), signal);
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  /** Copies at rest are left out, unless they are needed for the quorum. */
  async #slots(signal?: AbortSignal): Promise<readonly CopySlot[]> {
    const slots: { copy: Copy; slot: PutSlot | undefined }[] = [];
    try {
      // one after the other: two puts that each hold what the other waits for would wait for ever
      for (const copy of this.#copies) slots.push({ copy, slot: await copy.slot(false, signal) });
    } catch (error) {
      for (const { slot } of slots) slot?.release();
      throw error;
    }
    const rested = slots.filter(({ slot }) => !slot);
    if (slots.length - rested.length < this.#quorum)
      for (const one of rested) one.slot = await one.copy.slot(true, signal);
    return slots;
  }

  /** Never fails: a put that did is a gap. */
  #attempt({ copy, slot }: CopySlot, name: string, bytes: Uint8Array, stop: AbortSignal): Promise<Attempt> {
    const attempt = async (): Promise<Attempt> => {
      try {
        if (!slot) throw resting(copy);
        return { copy, outcome: await slot.put(name, bytes, stop) };
      } catch (error) {
        if (!stop.aborted) this.#missed(copy, error);
        return { copy, error };
      }
    };
    const late = attempt().finally(() => this.#underWay.delete(late));
    this.#underWay.add(late);
    return late;
  }

  #quorumOf(name: string, attempts: readonly Promise<Attempt>[]): Promise<'created' | 'exists'> {
    return new Promise((resolve, reject) => {
      const failures: Failure[] = [];
      const outcomes: ('created' | 'exists')[] = [];
      const ended = ({ copy, outcome, error }: Attempt) => {
        if (outcome) outcomes.push(outcome);
        else failures.push({ copy, error });
        if (outcomes.length === this.#quorum) resolve(outcomes.includes('exists') ? 'exists' : 'created');
        if (failures.length === this.#copies.length - this.#quorum + 1) reject(this.#noQuorum(name, failures));
      };
      for (const attempt of attempts) void attempt.then(ended);
    });
  }

  #noQuorum(name: string, failures: readonly Failure[]): unknown {
    if (this.#copies.length === 1) return failures[0]!.error;
    const isFull = failures.every(({ error }) => isCoded(error, 'StoreFull'));
    return new CodedError(
      isFull ? 'StoreFull' : 'StoreQuorumMissing',
      `'${name}' must be stored in ${this.#quorum} of ${this.#copies.length} places; these failed: ${told(failures)}`,
      {
        target: name,
        recommendations: ['Bring the places back; nothing was counted as stored that they do not have.'],
        cause: failures[0]?.error,
      },
    );
  }

  #missed(copy: Copy, error: unknown): void {
    const missed = (this.#gaps.get(copy.name)?.missed ?? 0) + 1;
    this.#gaps.set(copy.name, { place: copy.name, missed, why: reasonOf(error) });
  }

  /** What quorum acknowledged is on at least one of so many copies. */
  #requireEnough(question: string, failures: readonly Failure[]): void {
    const needed = this.#copies.length - this.#quorum + 1;
    if (this.#copies.length - failures.length >= needed) return;
    if (this.#copies.length === 1) throw failures[0]!.error;
    throw new CodedError(
      'StoreQuorumMissing',
      `Nobody knows ${question}: ${needed} of ${this.#copies.length} places must answer; these did not: ${told(failures)}`,
      { recommendations: ['Bring the places back.'], cause: failures[0]?.error },
    );
  }

  /** Of the places' clocks, the one that is farthest from ours. */
  async #worstTime(clock: Clock): Promise<number | undefined> {
    const asked = this.#copies.map((copy) => copy.call(async () => copy.backend.storageNow?.()));
    // a place that is away tells no time, and holds nobody up who asks for it
    const times = (await Promise.allSettled(asked)).map((one) => (one.status === 'fulfilled' ? one.value : undefined));
    const away = (time: number) => Math.abs(time - clock.now());
    return times.filter((time) => time !== undefined).sort((one, other) => away(other) - away(one))[0];
  }

  /** Copies at rest that need not answer for now: each call to one may take its whole time. */
  #dispensable(): readonly Copy[] {
    const resting = this.#copies.filter(({ reads }) => reads.isNow);
    return resting.length < this.#quorum ? resting : [];
  }

  #inReadingOrder(): readonly Copy[] {
    return [...this.#copies.filter(({ reads }) => !reads.isNow), ...this.#copies.filter(({ reads }) => reads.isNow)];
  }
}

const NEVER = new AbortController().signal;
