import type { Job } from '../api/wire/job.ts';
import type { OperationStatus } from '../api/wire/operationStatus.ts';
import { CodedError } from '../lib/error.ts';
import { ArmError } from './armError.ts';
import { type ArmAnswer, type Provider, retryAfterMs } from './client.ts';
import { Interrupted } from './exit.ts';
import { below, lastSegment, vaultFlags } from './ids.ts';
import type { Session } from './shell.ts';

const POLL_MS = 1000;

/** Follows a backup operation at vault level to its end and reads its job. Errors: ArmError when it failed. */
export async function jobOf(session: Session, vault: string, answer: ArmAnswer<unknown>): Promise<Job> {
  const status = await ended(session, vault, answer);
  const properties = status.properties;
  if (properties?.objectType !== 'OperationStatusJobExtendedInfo') {
    throw new CodedError('ServerAnswerInvalid', `Operation ${status.name} ended without naming its job.`);
  }
  return session.arm.get<Job>('backup', below(vault, 'backupJobs', properties.jobId));
}

async function ended(session: Session, vault: string, answer: ArmAnswer<unknown>): Promise<OperationStatus> {
  try {
    return await backupOperation(session, vault, answer);
  } catch (error) {
    if (!session.signal.aborted) throw error;
    throw new Interrupted(
      `What was asked for goes on in the vault: strongroom job list ${vaultFlags(vault)} shows it.`,
    );
  }
}

async function backupOperation(
  { arm, clock, signal }: Session,
  vault: string,
  answer: ArmAnswer<unknown>,
): Promise<OperationStatus> {
  const header = answer.headers['azure-asyncoperation'];
  if (typeof header !== 'string') {
    throw new CodedError(
      'ServerAnswerInvalid',
      `Status ${answer.status} came without the header Azure-AsyncOperation.`,
    );
  }
  const path = below(vault, 'backupOperations', decodeURIComponent(lastSegment(new URL(header).pathname)));
  for (;;) {
    const { body, headers, status } = await arm.send<OperationStatus>('GET', 'backup', path);
    if (body === undefined) throw new CodedError('ServerAnswerInvalid', `Status ${status} without a body: ${path}`);
    if (body.status !== 'InProgress') return succeeded(body);
    await clock.sleep(retryAfterMs(headers, POLL_MS), signal);
  }
}

function succeeded(status: OperationStatus): OperationStatus {
  if (status.status === 'Succeeded') return status;
  const error = status.error ?? {
    code: `Operation${status.status}`,
    message: `Operation ${status.name}: ${status.status}.`,
  };
  throw new ArmError(200, { error });
}

/** Waits out a resource manager operation: Azure-AsyncOperation first, else Location. */
export async function settled(session: Session, provider: Provider, answer: ArmAnswer<unknown>): Promise<void> {
  const { arm, clock, signal } = session;
  const header = answer.headers['azure-asyncoperation'];
  if (typeof header === 'string') {
    for (let wait = answer.headers; ; ) {
      await clock.sleep(retryAfterMs(wait, POLL_MS), signal);
      const { body, headers } = await arm.send<OperationStatus>('GET', provider, header);
      if (body && body.status !== 'InProgress') return void succeeded(body);
      wait = headers;
    }
  }
  for (let last = answer; last.status === 202; ) {
    const location = last.headers.location ?? answer.headers.location;
    if (location === undefined) return;
    await clock.sleep(retryAfterMs(last.headers, POLL_MS), signal);
    last = await arm.send('GET', provider, location);
  }
}
