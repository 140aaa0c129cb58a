import type { FastifyPluginAsync } from 'fastify';
import { CodedError } from '../lib/error.ts';

export interface MetadataOptions {
  readonly baseUrl: string;
  readonly tenantId: string;
  /** 'localhost:8443': where `{account}.blob.{suffix}` is served; absent: no storage suffix is told. */
  readonly storageSuffix?: string;
}

/** `GET /metadata/endpoints`: how `az cloud register` and the SDKs learn a cloud's addresses. */
export function metadataEndpoints(options: MetadataOptions): FastifyPluginAsync {
  const base = options.baseUrl.replace(/\/+$/, '');
  return async (app) => {
    app.get('/metadata/endpoints', async (request) => {
      const version = (request.query as Record<string, string>)['api-version'];
      if (version === undefined || !/^\d{4}-\d{2}-\d{2}/.test(version)) {
        throw new CodedError('MissingApiVersionParameter', "api-version must be a date like '2022-09-01'.");
      }
      if (version < '2019-05-01') return oldShape(base);
      const cloud = newShape(base, options);
      return version < '2022-09-01' ? [cloud] : cloud;
    });
  };
}

/** az reads `loginEndpoint` and drops to ADFS, which never asks the internet for its authority. */
const authentication = (base: string) => ({ loginEndpoint: `${base}/adfs`, audiences: [base] });

const oldShape = (base: string): object => ({
  galleryEndpoint: base,
  graphEndpoint: `${base}/graph`,
  portalEndpoint: base,
  authentication: authentication(base),
});

const newShape = (base: string, { tenantId, storageSuffix }: MetadataOptions): object => ({
  name: 'Strongroom',
  portal: base,
  authentication: { ...authentication(base), tenant: tenantId, identityProvider: 'ADFS' },
  graphAudience: `${base}/graph`,
  graph: `${base}/graph`,
  microsoftGraphResourceId: `${base}/graph/`,
  resourceManager: base,
  suffixes: storageSuffix === undefined ? {} : { storage: storageSuffix },
  batch: base,
  media: base,
  sqlManagement: base,
  gallery: base,
  activeDirectoryDataLake: base,
});
