import { isoTime } from '../lib/clock.ts';
import { CodedError, type ErrorDetail } from '../lib/error.ts';
import { type ArmResult, noContent } from './respond.ts';
import type { ArmContext } from './route.ts';

export type OperationStatus = 'InProgress' | 'Succeeded' | 'Failed' | 'Canceled';

/** The ARM envelope a client polls while work goes on. */
export interface OperationRecord {
  /** UUID, unguessable; known in its whole scope, whatever URL it was handed out under. */
  readonly id: string;
  /** Path of the resource it belongs to. */
  readonly scope: string;
  readonly status: OperationStatus;
  /** Ms since epoch. */
  readonly startTime: number;
  readonly endTime?: number;
  readonly error?: { readonly code: string; readonly message: string; readonly details?: readonly ErrorDetail[] };
  /** What the client is told besides, `{objectType, jobId}`. */
  readonly properties?: Readonly<Record<string, unknown>>;
}

/** Body of `Azure-AsyncOperation` polls; `path` is the operation's own id. */
function operationBody(record: OperationRecord, path: string): Record<string, unknown> {
  return {
    id: path,
    name: record.id,
    status: record.status,
    startTime: isoTime(record.startTime),
    ...(record.endTime === undefined ? {} : { endTime: isoTime(record.endTime) }),
    ...(record.error === undefined ? {} : { error: record.error }),
    ...(record.properties === undefined ? {} : { properties: record.properties }),
  };
}

/** Answer of an `Azure-AsyncOperation` poll: always 200; a client that asks too early is told when to come back. */
export function operationStatus(context: Pick<ArmContext, 'path'>, record: OperationRecord): ArmResult {
  const body = operationBody(record, context.path);
  return record.status === 'InProgress'
    ? { status: 200, body, headers: { 'retry-after': '1' } }
    : { status: 200, body };
}

/**
 * Answer of a `Location` poll: 202 while it runs, then `done` (default 204).
 * Errors: the operation's own, as Conflict when it failed or was cancelled.
 */
export function operationResult(
  context: Pick<ArmContext, 'path' | 'absoluteUrl'>,
  record: OperationRecord,
  done: ArmResult = noContent(),
): ArmResult {
  if (record.status === 'InProgress') {
    return { status: 202, headers: { location: context.absoluteUrl(context.path), 'retry-after': '1' } };
  }
  if (record.status === 'Succeeded') return done;
  const error = record.error ?? { code: record.status, message: `The operation is ${record.status}.` };
  throw new CodedError('Conflict', error.message, { details: [{ code: error.code, message: error.message }] });
}
