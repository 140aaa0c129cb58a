import { isoTime } from '../../lib/clock.ts';
import type { Job } from '../../vault/job.ts';
import type * as Wire from '../wire/store.ts';

/** Milliseconds in fields that name a moment (`at`, `since`, `…At`, `…Until`, `…Time`) become ISO 8601, at any depth. */
export const withIsoTimes = (value: unknown, key = ''): unknown => {
  if (typeof value === 'number' && /^(at|since|until)$|(At|Until|Time)$/.test(key)) return isoTime(value);
  if (Array.isArray(value)) return value.map((one) => withIsoTimes(one));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, withIsoTimes(one, name)]));
};

export const storeJobToWire = (store: string, job: Job): Wire.StoreJob => ({
  id: `${store}/jobs/${job.id}`,
  name: job.id,
  type: 'Microsoft.RecoveryServices/vaults/stores/jobs',
  properties: {
    operation: job.operation,
    status: job.status,
    startTime: isoTime(job.startTime),
    endTime: job.endTime === undefined ? undefined : isoTime(job.endTime),
    isUserTriggered: job.isUserTriggered,
    errors: job.errors,
    details: job.propertyBag,
  },
});
