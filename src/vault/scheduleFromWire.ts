import { DAYS_OF_WEEK, type PolicyType, type Schedule } from './policy.ts';
import type { PolicyFields, SentTime } from './policyFields.ts';

export interface ReadSchedule {
  readonly policyType: PolicyType;
  readonly schedule: Schedule;
  /** The time every retention rule must repeat. */
  readonly sent: SentTime;
}

const TARGET = 'schedulePolicy';

/** `schedulePolicy` of a policy; undefined when a fault was noted. */
export const scheduleFromWire = (fields: PolicyFields, value: unknown): ReadSchedule | undefined => {
  const wire = fields.object(value, TARGET);
  if (wire === undefined) return undefined;
  const kind = fields.word(wire.schedulePolicyType, `${TARGET}.schedulePolicyType`, [
    'SimpleSchedulePolicy',
    'SimpleSchedulePolicyV2',
  ]);
  if (kind === 'SimpleSchedulePolicy') return readV1(fields, wire);
  if (kind === 'SimpleSchedulePolicyV2') return readV2(fields, wire);
  return undefined;
};

const readV1 = (fields: PolicyFields, wire: Record<string, unknown>): ReadSchedule | undefined => {
  const frequency = fields.word(wire.scheduleRunFrequency, `${TARGET}.scheduleRunFrequency`, ['Daily', 'Weekly']);
  const sent = fields.oneTime(wire.scheduleRunTimes, `${TARGET}.scheduleRunTimes`);
  if (frequency === 'Weekly') return weekly(fields, 'V1', wire.scheduleRunDays, `${TARGET}.scheduleRunDays`, sent);
  if (frequency === undefined || sent === undefined) return undefined;
  return { policyType: 'V1', schedule: { frequency, time: sent.time }, sent };
};

const readV2 = (fields: PolicyFields, wire: Record<string, unknown>): ReadSchedule | undefined => {
  const frequency = fields.word(wire.scheduleRunFrequency, `${TARGET}.scheduleRunFrequency`, [
    'Hourly',
    'Daily',
    'Weekly',
  ]);
  if (frequency === undefined) return undefined;
  const name = { Hourly: 'hourlySchedule', Daily: 'dailySchedule', Weekly: 'weeklySchedule' }[frequency];
  const target = `${TARGET}.${name}`;
  const inner = fields.object(wire[name], target);
  if (inner === undefined) return undefined;
  if (frequency === 'Hourly') return hourly(fields, inner, target);
  const sent = fields.oneTime(inner.scheduleRunTimes, `${target}.scheduleRunTimes`);
  if (frequency === 'Weekly') return weekly(fields, 'V2', inner.scheduleRunDays, `${target}.scheduleRunDays`, sent);
  return sent && { policyType: 'V2', schedule: { frequency, time: sent.time }, sent };
};

const weekly = (
  fields: PolicyFields,
  policyType: PolicyType,
  value: unknown,
  target: string,
  sent: SentTime | undefined,
): ReadSchedule | undefined => {
  const days = fields.words(value, target, DAYS_OF_WEEK);
  if (days === undefined || sent === undefined) return undefined;
  return { policyType, schedule: { frequency: 'Weekly', days, time: sent.time }, sent };
};

const hourly = (fields: PolicyFields, wire: Record<string, unknown>, target: string): ReadSchedule | undefined => {
  const intervalHours = fields.wholeNumber(wire.interval, `${target}.interval`);
  const windowHours = fields.wholeNumber(wire.scheduleWindowDuration, `${target}.scheduleWindowDuration`);
  const sent = fields.time(wire.scheduleWindowStartTime, `${target}.scheduleWindowStartTime`);
  if (intervalHours === undefined || windowHours === undefined || sent === undefined) return undefined;
  return {
    policyType: 'V2',
    schedule: { frequency: 'Hourly', intervalHours, windowStart: sent.time, windowHours },
    sent,
  };
};
