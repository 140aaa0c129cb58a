import { getOperation, putOperation } from '../db/operations.ts';
import { CodedError, isCoded } from '../lib/error.ts';
import type { Services } from './services.ts';

/** Begins work that outlives its request, as an operation that clients poll; the operation's id. */
export async function beginOperation(
  services: Services,
  scope: string,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<string> {
  const { db, clock, log } = services;
  const operation = { id: crypto.randomUUID(), scope, startTime: clock.now() };
  await putOperation(db.queries, { ...operation, status: 'InProgress' });
  services.work.start(operation.id, async (signal) => {
    try {
      await work(signal);
      await putOperation(db.queries, { ...operation, status: 'Succeeded', endTime: clock.now() });
    } catch (error) {
      // What the server's end cut off is told at its next start.
      if (signal.aborted && !isCoded(signal.reason)) return;
      if (!isCoded(error)) log.error({ err: error, scope }, 'operation failed');
      const failed = { ...operation, status: 'Failed' as const, endTime: clock.now(), error: toldError(error) };
      await putOperation(db.queries, failed);
    }
  });
  return operation.id;
}

/** Waits until an operation of this process has ended. Errors: its own, as a Conflict with what failed as detail. */
export async function endOfOperation({ db, work }: Services, id: string): Promise<void> {
  await work.ended(id);
  const operation = await getOperation(db.queries, id);
  if (!operation || operation.status === 'Succeeded') return;
  const { code, message } = operation.error ?? { code: operation.status, message: 'It did not end.' };
  throw new CodedError('Conflict', message, { details: [{ code, message }] });
}

/** What a client is told of a failure; of a bug no more than that. */
const toldError = (error: unknown): { readonly code: string; readonly message: string } =>
  isCoded(error)
    ? { code: error.code, message: [error.message, ...error.recommendations].join(' ') }
    : { code: 'InternalServerError', message: 'The operation failed for an unexpected reason; see the server log.' };
