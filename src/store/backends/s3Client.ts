import type { Agent } from 'node:http';
import type { Agent as HttpsAgent } from 'node:https';
import type { S3Client } from '@aws-sdk/client-s3';
import type { S3Spec } from '../backend.ts';
import { agentOf } from './cloudAgent.ts';
import { networkFailureOf, type RequestFailure } from './cloudRequests.ts';

export interface S3Calls {
  readonly sdk: typeof import('@aws-sdk/client-s3');
  readonly client: S3Client;
}

/** The SDK is loaded here and not before: a server that stores on disks never needs it, in none of its threads. */
export const openS3Client = async (spec: S3Spec): Promise<S3Calls> => {
  const sdk = await import('@aws-sdk/client-s3');
  return { sdk, client: clientOf(sdk, spec, await agentOf(spec)) };
};

/** One attempt a call, without a timeout of its own: both are the business of Requests. */
const clientOf = (sdk: S3Calls['sdk'], { endpoint, region, credentials }: S3Spec, agent: Agent): S3Client => {
  return new sdk.S3Client({
    endpoint,
    region,
    credentials,
    forcePathStyle: true,
    maxAttempts: 1,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: { httpAgent: agent, httpsAgent: agent as HttpsAgent },
  });
};

/** undefined: it does not come from S3 nor from the way to it. */
export const s3FailureOf = (error: unknown): RequestFailure | undefined => {
  if (!(error instanceof Error)) return undefined;
  const { $metadata, $response } = error as Partial<ServiceError>;
  const status = $metadata?.httpStatusCode ?? $response?.statusCode;
  if (status === undefined) return networkFailureOf(error);
  const retryAfterS = Number($response?.headers?.['retry-after']);
  return {
    status,
    code: error.name,
    message: error.message === 'UnknownError' ? '' : error.message,
    ...(retryAfterS > 0 && { retryAfterMs: retryAfterS * 1000 }),
  };
};

/** What the SDK adds to its errors. */
interface ServiceError {
  readonly $metadata: { readonly httpStatusCode?: number };
  readonly $response: { readonly statusCode?: number; readonly headers?: Readonly<Record<string, string>> };
}
