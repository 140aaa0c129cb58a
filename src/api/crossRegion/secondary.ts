import type { ArmContext } from '../../arm/route.ts';
import { getStoreState } from '../../db/storeStates.ts';
import { CodedError } from '../../lib/error.ts';
import { isVaulted, type RecoveryPoint } from '../../vault/recoveryPoint.ts';
import type { Vault } from '../../vault/vault.ts';
import type { Services } from '../services.ts';
import { pairedRegion } from './pairedRegions.ts';

/** The copy of a vault in its second region. */
export interface Secondary {
  /** 'northeurope'. */
  readonly region: string;
  /** Points stored before are there, ms; absent: nothing was copied yet. */
  readonly syncedUntil?: number;
}

/** The api-version that clients ask the second region with, on the same paths. */
const PASSIVE_VERSION = '2021-11-15';

export const asksSecondary = ({ apiVersion }: Pick<ArmContext, 'apiVersion'>): boolean =>
  apiVersion.startsWith(PASSIVE_VERSION);

/** Errors: CrossRegionRestoreNotSupported. */
export async function requireSecondary(services: Services, vault: Vault): Promise<Secondary> {
  const region = pairedRegion(vault.location);
  if (vault.redundancy !== 'GeoRedundant' || vault.crossRegionRestore !== 'Enabled')
    throw unsupported(vault, 'Cross Region Restore is not enabled for it.', [
      'Set its redundancy to GeoRedundant and its cross-region restore flag to true; both before the first machine is protected.',
    ]);
  const { actual, why } = await services.vaultStores.redundancyOf(vault);
  if (region === undefined) throw unsupported(vault, `The region '${vault.location}' has no paired one.`, []);
  if (actual !== 'GeoRedundant')
    throw unsupported(vault, why ?? 'It has no secondary place.', [
      'Configure a secondary place and let the vault replicate to it: docs/replication.md.',
    ]);
  const { lastSyncTime } = (await getStoreState(services.db.queries, vault.id)).replication ?? {};
  return { region, ...(typeof lastSyncTime === 'number' ? { syncedUntil: lastSyncTime } : {}) };
}

/** The point as the second region has it: in the vault alone; undefined: it is not there (yet). */
export function onSecondary({ syncedUntil = 0 }: Secondary, point: RecoveryPoint): RecoveryPoint | undefined {
  if (!isVaulted(point) || point.vaulted!.storedAt >= syncedUntil) return undefined;
  const { snapshot: _snapshot, ...vaulted } = point;
  return vaulted;
}

const unsupported = (vault: Vault, why: string, recommendations: readonly string[]): CodedError =>
  new CodedError(
    'CrossRegionRestoreNotSupported',
    `The vault '${vault.name}' cannot be restored from in a second region: ${why}`,
    { target: vault.name, recommendations },
  );
