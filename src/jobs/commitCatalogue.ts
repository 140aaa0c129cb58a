import type { CommitCatalogue } from '../store/store.ts';
import type { RecoveryPoint } from '../vault/recoveryPoint.ts';

/** What a commit object tells of its point that a rebuilt catalogue could not read out of the trees. */
export const catalogueOf = (point: RecoveryPoint): CommitCatalogue => {
  const { occurrenceKey, retainUntil, consistencyReason, excludedDisks } = point;
  return {
    ...(occurrenceKey === undefined ? {} : { occurrenceKey }),
    ...(retainUntil === undefined ? {} : { retainUntil }),
    ...(consistencyReason === undefined ? {} : { consistencyReason }),
    excludedDisks: excludedDisks.map(({ lun, name, diskId, sizeBytes }) => ({ lun, name, diskId, sizeBytes })),
  };
};
