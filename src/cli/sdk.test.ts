import assert from 'node:assert/strict';
import { test } from 'node:test';
import type {
  AzureIaaSComputeVMContainer,
  AzureIaaSComputeVMProtectableItem,
  AzureIaaSComputeVMProtectedItem,
  AzureIaaSVMJob,
  AzureIaaSVMProtectionPolicy,
  IaasVMBackupRequest,
  IaasVMRecoveryPoint,
  IaasVMRestoreRequest,
  OperationStatus as SdkOperationStatus,
} from '@azure/arm-recoveryservicesbackup';
import { RecoveryServicesBackupClient } from '@azure/arm-recoveryservicesbackup';
import type { BackupPolicyProperties } from '../api/wire/backupPolicy.ts';
import type { BackupRequest } from '../api/wire/backupRequest.ts';
import type { JobProperties, JobTask } from '../api/wire/job.ts';
import type { OperationStatus } from '../api/wire/operationStatus.ts';
import type { ProtectableItemProperties } from '../api/wire/protectableItem.ts';
import type { ProtectedItemProperties } from '../api/wire/protectedItem.ts';
import type { ProtectionContainerProperties } from '../api/wire/protectionContainer.ts';
import type { RecoveryPointProperties } from '../api/wire/recoveryPoint.ts';
import type { RestoreRequestProperties } from '../api/wire/restoreRequest.ts';
import { item, job, operation, point, policy, protectable, task } from './testing/samples.ts';

/** A model of the official SDK as it travels: dates are texts, nothing is written to. */
type Wire<T> = T extends Date
  ? string
  : T extends readonly (infer Element)[]
    ? readonly Wire<Element>[]
    : T extends object
      ? { readonly [Key in keyof T]: Wire<T[Key]> | undefined }
      : T;

/** Compiles only when ours travels as theirs does and has no field that they don't know, but `Added`. */
type Conforms<Ours extends object, Theirs, Added extends string = never> = [
  Omit<Ours, Added> extends Wire<Theirs> ? true : false,
  Exclude<keyof Ours, keyof Theirs | Added>,
];
const conforms = <_T extends readonly [true, never]>(): void => {};

type SdkTask = NonNullable<NonNullable<AzureIaaSVMJob['extendedInfo']>['tasksList']>[number];

test('our shapes are those of the official SDK (what is checked here is that it compiles)', () => {
  conforms<Conforms<ProtectedItemProperties, AzureIaaSComputeVMProtectedItem>>();
  conforms<Conforms<ProtectableItemProperties, AzureIaaSComputeVMProtectableItem>>();
  conforms<Conforms<ProtectionContainerProperties, AzureIaaSComputeVMContainer>>();
  conforms<Conforms<RecoveryPointProperties, IaasVMRecoveryPoint, 'strongroom'>>();
  conforms<Conforms<JobTask, SdkTask, 'strongroom'>>();
  conforms<Conforms<JobProperties, AzureIaaSVMJob, 'extendedInfo'>>();
  conforms<Conforms<RestoreRequestProperties, IaasVMRestoreRequest, 'strongroom'>>();
  conforms<Conforms<BackupRequest['properties'], IaasVMBackupRequest>>();
  // What is named besides is newer than this SDK.
  conforms<Conforms<BackupPolicyProperties, AzureIaaSVMProtectionPolicy, 'snapshotConsistencyType'>>();
  conforms<Conforms<OperationStatus, SdkOperationStatus>>();
});

test('the official SDK reads our samples without losing a field', async () => {
  const read = async (body: unknown, get: (client: RecoveryServicesBackupClient) => Promise<unknown>) => {
    assert.deepEqual(withMillis(await get(clientThatReads(body))), withMillis(body));
  };
  await read(item, (client) => client.protectedItems.get('v', 'g', 'Azure', 'c', 'i'));
  await read(policy, (client) => client.protectionPolicies.get('v', 'g', 'p'));
  await read(point, (client) => client.recoveryPoints.get('v', 'g', 'Azure', 'c', 'i', 'r'));
  const running = job('InProgress', [task('Take Snapshot', 'Completed', { startTime: '2026-01-05T08:00:00Z' })]);
  await read(running, (client) => client.jobDetails.get('v', 'g', 'j'));
  await read(operation('Succeeded'), (client) => client.backupOperationStatuses.get('v', 'g', 'o'));
  await read(protectable, async (client) => {
    for await (const found of client.backupProtectableItems.list('v', 'g')) return found;
    return undefined;
  });
});

/** A client whose every request is answered with `body`, in a list where a list is asked for. */
function clientThatReads(body: unknown): RecoveryServicesBackupClient {
  const headers = { get: () => undefined, has: () => false, toJSON: () => ({}), *[Symbol.iterator]() {} };
  const httpClient = {
    sendRequest: async (request: { url: string }) => {
      const answer = request.url.includes('backupProtectableItems') ? { value: [body] } : body;
      return { request, status: 200, headers, bodyAsText: JSON.stringify(answer) };
    },
  };
  const credential = { getToken: async () => ({ token: 't', expiresOnTimestamp: Date.now() + 3_600_000 }) };
  const options = { endpoint: 'https://localhost:1', httpClient } as object;
  return new RecoveryServicesBackupClient(credential, 'sub', options);
}

/** The SDK makes dates of times; printed again they have milliseconds. */
const withMillis = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value).replaceAll(/(T\d\d:\d\d:\d\d)Z"/g, '$1.000Z"')) as unknown;
