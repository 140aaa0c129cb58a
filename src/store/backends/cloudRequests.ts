import { type Clock, systemClock } from '../../lib/clock.ts';
import { CodedError, isCoded } from '../../lib/error.ts';
import { objectMissing } from './failures.ts';

/** What a service's SDK threw, in words that S3 and Azure Blob share. */
export interface RequestFailure {
  /** HTTP status; undefined when no answer came. */
  readonly status: number | undefined;
  /** The service's code ('SlowDown') or the system's ('ECONNREFUSED'). */
  readonly code: string;
  readonly message: string;
  readonly retryAfterMs?: number;
}

export interface Request {
  /** What is done, for messages: 'put', 'list' … */
  readonly verb: string;
  /** The object's name, or the prefix of a listing. */
  readonly target: string;
  /** Bytes that go either way: a request may take longer for them. */
  readonly bytes?: number;
  readonly signal?: AbortSignal | undefined;
}

export interface RequestsOptions {
  /** For messages: "bucket 'x' at https://…". */
  readonly place: string;
  /** undefined: not the service's failure, it is thrown as it is. */
  readonly failureOf: (error: unknown) => RequestFailure | undefined;
  readonly clock?: Clock;
}

/** Before a request is given up: 8 attempts, about 8 seconds of pauses in all when nothing else is asked for. */
const ATTEMPTS = 8;
/** Nobody listens there: whoever has other copies, or a job to try again later, is better told soon. */
const ATTEMPTS_AT_NOBODY = 3;
const NOBODY = /ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|ENOTFOUND/;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 5_000;
const LONGEST_RETRY_AFTER_MS = 30_000;
const ANSWER_WITHIN_MS = 60_000;
const SLOWEST_BYTES_PER_MS = 256;
/** Whatever length a caller names: timers take 32 bits of milliseconds, and fire at once beyond. */
const LONGEST_ANSWER_MS = 6 * 60 * 60 * 1000;

/** Sends requests: each bounded in time, retried with pauses of random length, its failure translated. */
export class Requests {
  readonly #options: RequestsOptions;
  readonly #clock: Clock;

  constructor(options: RequestsOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** `attempt` counts from 1. Errors: StoreObjectMissing, StoreObjectLocked, StoreFull, StoreIoFailed. */
  async send<Result>(
    request: Request,
    attemptOnce: (signal: AbortSignal, attempt: number) => Promise<Result>,
  ): Promise<Result> {
    for (let attempt = 1; ; attempt++) {
      request.signal?.throwIfAborted();
      try {
        return await this.#inTime(request, (signal) => attemptOnce(signal, attempt));
      } catch (error) {
        request.signal?.throwIfAborted();
        const failure = this.#failureOf(error);
        if (!failure) throw error;
        if (attempt === attemptsAt(failure) || !isPassing(failure))
          throw this.#translated(request, failure, attempt, error);
        await this.#clock.sleep(pauseMs(attempt, failure), request.signal);
      }
    }
  }

  async #inTime<Result>(request: Request, send: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
    const tooLate = new AbortController();
    const answered = new AbortController();
    const timeoutMs = Math.min(ANSWER_WITHIN_MS + (request.bytes ?? 0) / SLOWEST_BYTES_PER_MS, LONGEST_ANSWER_MS);
    this.#clock.sleep(timeoutMs, answered.signal).then(
      () => tooLate.abort(),
      () => {},
    );
    const signals = request.signal ? [request.signal, tooLate.signal] : [tooLate.signal];
    try {
      return await send(AbortSignal.any(signals));
    } catch (error) {
      if (!tooLate.signal.aborted) throw error;
      throw new NoAnswer(`no answer within ${Math.round(timeoutMs / 1000)} seconds`);
    } finally {
      answered.abort();
    }
  }

  #failureOf(error: unknown): RequestFailure | undefined {
    if (error instanceof NoAnswer) return { status: undefined, code: 'NoAnswer', message: error.message };
    if (isCoded(error)) return undefined;
    return this.#options.failureOf(error);
  }

  #translated(request: Request, failure: RequestFailure, attempts: number, cause: unknown): CodedError {
    const { verb, target } = request;
    const { status, code } = failure;
    if (status === 404 && !NO_SUCH_PLACE.has(code)) return objectMissing(target);
    const said = failure.message && failure.message !== code ? `${code}: ${failure.message}` : code;
    const what = `The ${this.#options.place} did not ${verb} '${target}' (${status ?? 'no answer'}, ${said}`;
    const options = { target, cause };
    if (status === 507 || FULL.has(code)) {
      const recommendations = ['Give the store more space or a higher quota, or let recovery points go.'];
      return new CodedError('StoreFull', `${what}).`, { ...options, recommendations });
    }
    if (LOCKED.has(code)) return new CodedError('StoreObjectLocked', `${what}).`, options);
    const tries = attempts > 1 ? `, ${attempts} attempts` : '';
    const recommendations = recommendationsOf(failure);
    return new CodedError('StoreIoFailed', `${what}${tries}).`, { ...options, recommendations });
  }
}

const attemptsAt = ({ code, message }: RequestFailure): number =>
  NOBODY.test(code) || NOBODY.test(message) ? ATTEMPTS_AT_NOBODY : ATTEMPTS;

class NoAnswer extends Error {}

/** An answer that broke off or does not hold together: the request is sent again. */
export class BadAnswer extends Error {
  override readonly name = 'BadAnswer';
}

/** Failures of the connection have the system's code, or stand for several of them. */
export const networkFailureOf = (error: Error): RequestFailure | undefined => {
  const { code } = error as NodeJS.ErrnoException;
  if (error instanceof BadAnswer || CONNECTION.has(error.name) || /^(E[A-Z]{3,}|HPE_|ERR_)/.test(code ?? '')) {
    return { status: undefined, code: code ?? error.name, message: error.message };
  }
  return CERTIFICATE.test(code ?? '') ? { status: undefined, code: code!, message: error.message } : undefined;
};

const CONNECTION: ReadonlySet<string> = new Set(['AggregateError', 'TimeoutError', 'AbortError']);
const NO_SUCH_PLACE: ReadonlySet<string> = new Set(['NoSuchBucket', 'ContainerNotFound', 'ContainerBeingDeleted']);
const FULL: ReadonlySet<string> = new Set(['QuotaExceeded', 'XMinioStorageFull', 'InsufficientStorage']);
const LOCKED: ReadonlySet<string> = new Set(['BlobImmutableDueToPolicy', 'BlobImmutableDueToLegalHold']);
/** The bytes did not come through as they were sent, or the clocks differ and the SDK has learned by how much. */
const WORTH_ANOTHER: ReadonlySet<string> = new Set([
  'BadDigest',
  'Md5Mismatch',
  'IncompleteBody',
  'XAmzContentSHA256Mismatch',
  'RequestTimeout',
  'RequestTimeTooSkewed',
  'OperationAborted',
  'ConditionalRequestConflict',
]);
const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER/;

const isPassing = ({ status, code }: RequestFailure): boolean => {
  if (FULL.has(code) || CERTIFICATE.test(code)) return false;
  if (status === undefined || WORTH_ANOTHER.has(code)) return true;
  return status === 408 || status === 429 || (status >= 500 && status !== 501 && status !== 507);
};

/** Full jitter: many workers that were refused together do not come back together. */
const pauseMs = (attempt: number, { retryAfterMs }: RequestFailure): number => {
  if (retryAfterMs !== undefined) return Math.min(retryAfterMs, LONGEST_RETRY_AFTER_MS);
  return Math.ceil(Math.random() * Math.min(FIRST_PAUSE_MS * 2 ** attempt, LONGEST_PAUSE_MS));
};

const recommendationsOf = ({ status, code }: RequestFailure): string[] => {
  if (NO_SUCH_PLACE.has(code)) return ['Create it, or correct its name: a store never makes its bucket or container.'];
  if (CERTIFICATE.test(code)) return ["Name the authority that signed the endpoint's certificate as 'caFile'."];
  if (code === 'RequestTimeTooSkewed') return ['Set the clock of this computer: run NTP.'];
  if (status === 301 || status === 307 || code === 'AuthorizationHeaderMalformed') {
    return ["Correct 'region' and 'endpoint': the bucket lies elsewhere."];
  }
  if (status === 401 || status === 403) {
    return [
      'Check the access key and its secret.',
      'Check what the bucket lets this user do: docs/storage-places.md lists the rights that a store needs.',
    ];
  }
  if (status === 400 && code === 'InvalidRequest') {
    return ['Where the place is to lock objects, its bucket has to be made with object lock.'];
  }
  if (status === undefined || status >= 500) return ['Check that the storage is up and can be reached from here.'];
  return [];
};
