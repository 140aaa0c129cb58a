import type { ArmContext } from '../../arm/route.ts';
import type { RecoveryPoint } from '../../vault/recoveryPoint.ts';
import type { RestoreProperties } from '../body/restoreRequest.ts';
import type { FoundItem } from '../itemPath.ts';
import type { Services } from '../services.ts';

/** A restore that somebody asks for. */
export interface RestoreAsked extends FoundItem {
  readonly services: Services;
  readonly context: Pick<ArmContext, 'demand' | 'signal'>;
  readonly point: RecoveryPoint;
  readonly request: RestoreProperties;
  /** Where the request must say it goes: the vault's region, or the paired one of a cross-region restore. */
  readonly regions: readonly string[];
  readonly isCrossRegion: boolean;
}

export type RestoreCheck = (asked: RestoreAsked) => void | Promise<void>;
