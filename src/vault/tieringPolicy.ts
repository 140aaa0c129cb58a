import { type Retention, TIERING_MODES, type Tiering } from './policy.ts';
import type { PolicyFields } from './policyFields.ts';

const TARGET = 'tieringPolicy.ArchivedRP';
const LEAST_MONTHS = 3;
/** Less would be left in the archive than it takes to pay. */
const LEAST_MONTHS_IN_ARCHIVE = 6;
const LEAST_MONTHS_RECOMMENDED = 9;

/** `tieringPolicy`; undefined when absent or when a fault was noted. */
export const tieringFromWire = (fields: PolicyFields, value: unknown): Tiering | undefined => {
  const wire = fields.optionalObject(value, 'tieringPolicy');
  if (wire === undefined) return undefined;
  const others = Object.keys(wire).filter((key) => key !== 'ArchivedRP');
  if (others.length > 0) {
    fields.fault('tieringPolicy', `has ${others.join(', ').slice(0, 60)}; its only legal key is ArchivedRP.`);
  }
  const archived = fields.optionalObject(wire.ArchivedRP, TARGET);
  if (archived === undefined) return undefined;
  const tieringMode = fields.word(archived.tieringMode, `${TARGET}.tieringMode`, TIERING_MODES);
  if (tieringMode === undefined) return undefined;
  if (tieringMode !== 'TierAfter') return { ArchivedRP: { tieringMode, duration: 0, durationType: 'Invalid' } };
  fields.word(archived.durationType, `${TARGET}.durationType`, ['Months']);
  const duration = fields.wholeNumber(archived.duration, `${TARGET}.duration`);
  return duration === undefined ? undefined : { ArchivedRP: { tieringMode, duration, durationType: 'Months' } };
};

/** Only what monthly and yearly rules keep long enough may go. */
export const checkTiering = (fields: PolicyFields, { ArchivedRP }: Tiering, retention: Retention): void => {
  const { tieringMode, duration } = ArchivedRP;
  if (tieringMode === 'DoNotTier') return;
  const months = Math.max(retention.monthly?.months ?? 0, (retention.yearly?.years ?? 0) * 12);
  if (tieringMode === 'TierRecommended') {
    if (months < LEAST_MONTHS_RECOMMENDED) {
      fields.fault(
        `${TARGET}.tieringMode`,
        `is TierRecommended; monthly or yearly retention must then be at least ${LEAST_MONTHS_RECOMMENDED} months, the longest is ${months}.`,
      );
    }
    return;
  }
  if (duration < LEAST_MONTHS) {
    fields.fault(`${TARGET}.duration`, `is ${duration}; it must be at least ${LEAST_MONTHS} months.`);
  } else if (months < duration + LEAST_MONTHS_IN_ARCHIVE) {
    fields.fault(
      `${TARGET}.duration`,
      `is ${duration}; monthly or yearly retention must be at least ${LEAST_MONTHS_IN_ARCHIVE} months longer, the longest is ${months} months.`,
    );
  }
};
