import { randomBytes } from 'node:crypto';
import { type Clock, isoTime } from '../lib/clock.ts';
import { CodedError, isCoded } from '../lib/error.ts';
import type { Backend, ObjectLock } from './backend.ts';

/** One thing that a store relies on, tried on the storage itself. */
export interface ProbedPromise {
  /** 'put if absent', 'racing puts', 'read after write' … */
  readonly promise: string;
  readonly kept: boolean;
  /** What was seen instead, where it was not kept. */
  readonly why?: string;
}

export interface ProbeReport {
  readonly promises: readonly ProbedPromise[];
  /** The storage's clock minus ours, milliseconds; absent where the storage does not tell its time. */
  readonly clockDifferenceMs?: number;
}

export interface ProbeOptions {
  readonly clock: Clock;
  readonly signal?: AbortSignal;
}

const RACERS = 20;
const PROBE_BYTES = 70_000;
const EXTENSION_MS = 60_000;

/**
 * Tries a storage with two small objects under `probe/`, deleted again where nothing locks them. Errors: those of
 * the first put (credentials, no such bucket …), StoreFull. Whatever fails after that is a promise not kept.
 */
export const probeBackend = async (backend: Backend, { clock, signal }: ProbeOptions): Promise<ProbeReport> => {
  const id = randomBytes(16).toString('hex');
  const trial: Trial = { backend, signal, bytes: randomBytes(PROBE_BYTES), names: [`probe/${id}`, `probe/${id}-race`] };
  const first = await backend.put(trial.names[0], trial.bytes, signal);
  const promises: ProbedPromise[] = [];
  for (const [promise, check] of checksOf(trial, first)) {
    signal?.throwIfAborted();
    promises.push(await tried(promise, check));
  }
  if (!backend.storageNow) return { promises };
  let clockDifferenceMs: number | undefined;
  const told = await tried('time', async () => {
    const before = clock.now();
    const theirs = await backend.storageNow?.();
    clockDifferenceMs = theirs && theirs - Math.round((before + clock.now()) / 2);
    return theirs === undefined ? 'the storage does not tell its time' : undefined;
  });
  return { promises: [...promises, told], ...(clockDifferenceMs !== undefined && { clockDifferenceMs }) };
};

/** Errors: StorePlaceUnsuitable, naming the promises that were not kept. */
export const requireSuitable = ({ promises }: ProbeReport): void => {
  const broken = promises.filter(({ kept }) => !kept);
  if (broken.length === 0) return;
  const names = broken.map(({ promise }) => promise).join(', ');
  throw new CodedError('StorePlaceUnsuitable', `This storage does not do what a store needs (${names}).`, {
    details: broken.map(({ promise, why = '' }) => ({
      code: 'StorePlaceUnsuitable',
      message: why,
      target: promise,
    })),
    recommendations: ['`strongroom store probe` shows what was tried; docs/storage-places.md says what is needed.'],
  });
};

interface Trial {
  readonly backend: Backend;
  readonly signal: AbortSignal | undefined;
  readonly bytes: Uint8Array;
  readonly names: readonly [first: string, race: string];
}

/** undefined: the promise was kept; else what was seen. */
type Check = () => Promise<string | undefined>;

const checksOf = (trial: Trial, first: 'created' | 'exists'): readonly (readonly [string, Check])[] => [
  ['put if absent', async () => (first === 'created' ? putAgain(trial) : 'a new name was there already')],
  ['racing puts', () => race(trial)],
  ['read after write', () => readWhole(trial)],
  ['read of a range', () => readRange(trial)],
  ['size after write', () => size(trial)],
  ['list after write', () => list(trial)],
  ['absence', () => absence(trial)],
  ...(trial.backend.lock ? lockChecks(trial, trial.backend.lock) : [['delete', () => remove(trial)] as const]),
];

/** Only what the storage said counts against it: a full storage, or a bug of ours, ends the probe. */
const tried = async (promise: string, check: Check): Promise<ProbedPromise> => {
  try {
    const why = await check();
    return { promise, kept: why === undefined, ...(why !== undefined && { why }) };
  } catch (error) {
    if (!isCoded(error) || error.code === 'StoreFull') throw error;
    return { promise, kept: false, why: error.message };
  }
};

const putAgain = async ({ backend, names: [name], bytes, signal }: Trial): Promise<string | undefined> => {
  if ((await backend.put(name, randomBytes(64), signal)) !== 'exists') return 'a second put of a name was taken';
  return same(await backend.get(name), bytes) ? undefined : 'a second put of a name changed its bytes';
};

const race = async ({ backend, names: [, name], signal }: Trial): Promise<string | undefined> => {
  const bodies = Array.from({ length: RACERS }, () => randomBytes(64));
  const outcomes = await Promise.all(bodies.map((body) => backend.put(name, body, signal)));
  const winners = bodies.filter((_, at) => outcomes[at] === 'created');
  if (winners.length !== 1) return `of ${RACERS} puts of one name at the same time ${winners.length} were taken`;
  return same(await backend.get(name), winners[0]!) ? undefined : 'the bytes of a put that was refused were stored';
};

const readWhole = async ({ backend, names: [name], bytes }: Trial): Promise<string | undefined> =>
  same(await backend.get(name), bytes) ? undefined : 'other bytes came back than were put';

const readRange = async ({ backend, names: [name], bytes }: Trial): Promise<string | undefined> => {
  for (const [offset, length] of [
    [0, 1],
    [1, 65_536],
    [PROBE_BYTES - 9, 9],
  ] as const) {
    const read = await backend.get(name, { offset, length });
    if (!same(read, bytes.subarray(offset, offset + length)))
      return `other bytes than those from ${offset} on came back`;
  }
  const outside = await refusal(backend.get(name, { offset: PROBE_BYTES - 1, length: 2 }));
  return outside === 'StoreDataDamaged' ? undefined : 'a range beyond the end was answered';
};

const size = async ({ backend, names: [name] }: Trial): Promise<string | undefined> => {
  const found = await backend.head(name);
  return found?.sizeBytes === PROBE_BYTES ? undefined : `${found?.sizeBytes ?? 'no'} bytes instead of ${PROBE_BYTES}`;
};

const list = async ({ backend, names }: Trial): Promise<string | undefined> => {
  const listed = async (prefix: string): Promise<readonly string[]> => {
    const found: string[] = [];
    for await (const { name, sizeBytes } of backend.list(prefix)) found.push(`${name} ${sizeBytes}`);
    return found;
  };
  const [first, second] = [`${names[0]} ${PROBE_BYTES}`, `${names[1]} 64`];
  const all = await listed('probe/');
  if (!all.includes(first) || !all.includes(second)) return 'a new object is not listed, or not in its size';
  const some = await listed(names[1].slice(0, -2));
  return some.length === 1 && some[0] === second ? undefined : 'a listing by a prefix within a name is not exact';
};

const absence = async ({ backend, names: [name] }: Trial): Promise<string | undefined> => {
  if ((await backend.head(`${name}-none`)) !== undefined) return 'an object that was never put has a size';
  const read = await refusal(backend.get(`${name}-none`));
  return read === 'StoreObjectMissing' ? undefined : 'an object that was never put can be read';
};

/** Who may not delete keeps the promise as well: a store can do without, as long as another deletes for it. */
const remove = async ({ backend, names }: Trial): Promise<string | undefined> => {
  const refusals = new Map<string, string | undefined>();
  for (const name of names) refusals.set(name, await refusal(backend.delete(name)));
  for (const [name, refused] of refusals) {
    const isThere = (await backend.head(name)) !== undefined;
    if (refused !== undefined && !isThere) return `a deletion that was refused (${refused}) took place`;
    if (refused === undefined && isThere) return 'an object is there after its deletion';
  }
  for await (const { name } of backend.list(names[0])) {
    if (refusals.get(name) === undefined) return 'an object is listed after its deletion';
  }
  return undefined;
};

const lockChecks = (
  { backend, names: [name], bytes }: Trial,
  lock: ObjectLock,
): readonly (readonly [string, Check])[] => {
  let until = 0;
  const isStill = async (wanted: number): Promise<string | undefined> => {
    const now = (await lock.retainedUntil(name)) ?? 0;
    return now >= wanted ? undefined : `it is locked until ${isoTime(now)} instead of ${isoTime(wanted)}`;
  };
  return [
    [
      'lock at the put',
      async () => {
        until = (await lock.retainedUntil(name)) ?? 0;
        return until === 0 ? 'a new object is not locked' : undefined;
      },
    ],
    [
      'lock extended',
      async () => {
        await lock.extend(name, until + EXTENSION_MS);
        return isStill(until + EXTENSION_MS);
      },
    ],
    [
      'lock not shortened',
      async () => {
        await lock.extend(name, until);
        return isStill(until + EXTENSION_MS);
      },
    ],
    [
      'locked objects stay',
      async () => {
        if ((await refusal(backend.delete(name))) === undefined) return 'a locked object could be deleted';
        return same(await backend.get(name), bytes) ? undefined : 'a locked object has changed';
      },
    ],
  ];
};

/** The code of the error that a call ends with; undefined: it succeeded. */
const refusal = async (call: Promise<unknown>): Promise<string | undefined> => {
  try {
    await call;
    return undefined;
  } catch (error) {
    if (isCoded(error)) return error.code;
    throw error;
  }
};

const same = (one: Uint8Array, other: Uint8Array): boolean => Buffer.compare(one, other) === 0;
