import type { Agent } from 'node:http';
import type { ContainerClient, RequestPolicyFactory } from '@azure/storage-blob';
import type { AzureBlobSpec } from '../backend.ts';
import { agentOf } from './cloudAgent.ts';
import { networkFailureOf, type RequestFailure } from './cloudRequests.ts';

/** The SDK is loaded here and not before: a server that stores on disks never needs it, in none of its threads. */
export const openContainerClient = async (spec: AzureBlobSpec): Promise<ContainerClient> => {
  const { ContainerClient, newPipeline, StorageSharedKeyCredential } = await import('@azure/storage-blob');
  const { accountName, accountKey } = spec.credentials;
  // one attempt a call, without a timeout of its own: both are the business of Requests
  const credential = new StorageSharedKeyCredential(accountName, accountKey);
  const pipeline = newPipeline(credential, { retryOptions: { maxTries: 1 } });
  pipeline.factories.push(throughAgent(await agentOf(spec)));
  return new ContainerClient(`${spec.endpoint.replace(/\/$/, '')}/${spec.container}`, pipeline);
};

const throughAgent = (agent: Agent): RequestPolicyFactory => ({
  create: (next) => ({
    sendRequest: (request) => {
      request.agent = agent;
      return next.sendRequest(request);
    },
  }),
});

/** undefined: it does not come from Azure Blob nor from the way to it. */
export const blobFailureOf = (error: unknown): RequestFailure | undefined => {
  if (!(error instanceof Error)) return undefined;
  const { statusCode, code, details, response } = error as Partial<ServiceError>;
  if (statusCode === undefined) return networkFailureOf(error);
  const retryAfterS = Number(response?.headers?.get('retry-after'));
  return {
    status: statusCode,
    code: details?.errorCode ?? code ?? error.name,
    message: error.message.split('\n')[0] ?? '',
    ...(retryAfterS > 0 && { retryAfterMs: retryAfterS * 1000 }),
  };
};

/** The SDK's RestError. */
interface ServiceError {
  readonly statusCode: number;
  readonly code: string;
  readonly details: { readonly errorCode?: string };
  readonly response: { readonly headers?: { get(name: string): string | undefined } };
}
