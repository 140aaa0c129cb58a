import type { ApiVersionRange } from '../arm/apiVersion.ts';

/** The oldest and the newest version of each provider that clients in use send. */
export const SUBSCRIPTION_VERSIONS: ApiVersionRange = { from: '2014-04-01', to: '2026-12-31' };
export const RESOURCE_VERSIONS: ApiVersionRange = { from: '2014-04-01', to: '2026-12-31' };
export const VAULT_VERSIONS: ApiVersionRange = { from: '2016-06-01', to: '2026-07-01' };
export const BACKUP_VERSIONS: ApiVersionRange = { from: '2016-06-01', to: '2026-11-01' };
export const COMPUTE_VERSIONS: ApiVersionRange = { from: '2015-06-15', to: '2026-12-31' };
export const STORAGE_VERSIONS: ApiVersionRange = { from: '2015-05-01', to: '2026-12-31' };
export const NETWORK_VERSIONS: ApiVersionRange = { from: '2015-06-15', to: '2026-12-31' };
