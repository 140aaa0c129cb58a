import { CodedError, isCoded } from '../../lib/error.ts';
import type { ObjectLock } from '../backend.ts';
import { type Copy, reasonOf } from './copy.ts';
import { objectMissing } from './failures.ts';

/** The locks of a store whose copies can all lock. A copy without the object is a gap that replication fills. */
export class ReplicatedLock implements ObjectLock {
  readonly #copies: readonly Copy[];
  readonly #quorum: number;

  constructor(copies: readonly Copy[], quorum: number) {
    this.#copies = copies;
    this.#quorum = quorum;
  }

  /** The weakest of the copies that have the object. */
  async retainedUntil(name: string): Promise<number | undefined> {
    const answers = await this.#ask(name, (lock) => lock.retainedUntil(name));
    return answers.some((until) => until === undefined) ? undefined : Math.min(...answers.map((until) => until ?? 0));
  }

  /** Extended when so many copies have it extended as a put needs. */
  async extend(name: string, until: number): Promise<void> {
    await this.#ask(name, (lock) => lock.extend(name, until));
  }

  /** On every copy that is asked alone; several are not enough when only a quorum has it. */
  async raise(name: string): Promise<void> {
    await this.#ask(name, async (lock) => lock.raise?.(name));
  }

  async #ask<T>(name: string, question: (lock: ObjectLock) => Promise<T>): Promise<readonly T[]> {
    const asked = await Promise.allSettled(this.#copies.map((copy) => copy.call(() => question(copy.backend.lock!))));
    const answers = asked.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    if (answers.length >= this.#quorum) return answers;
    const reasons = asked.map((one) => (one.status === 'rejected' ? (one.reason as unknown) : undefined));
    if (reasons.every((reason) => isCoded(reason, 'StoreObjectMissing'))) throw objectMissing(name);
    const told = this.#copies.flatMap(({ name: place }, index) =>
      reasons[index] === undefined ? [] : [`${place}: ${reasonOf(reasons[index])}`],
    );
    throw new CodedError('StoreIoFailed', `The lock of '${name}': ${told.join('; ')}`, {
      target: name,
      cause: reasons.find((reason) => reason !== undefined),
    });
  }
}
