import { DAYS_OF_WEEK, MONTHS, type MonthDays, type Retention, type TimeOfDay, WEEKS_OF_MONTH } from './policy.ts';
import type { PolicyFields } from './policyFields.ts';

const TARGET = 'retentionPolicy';

/** `retentionPolicy` of a policy; undefined when a fault was noted. `time` is the schedule's, which each rule repeats. */
export const retentionFromWire = (
  fields: PolicyFields,
  value: unknown,
  time: TimeOfDay | undefined,
): Retention | undefined => {
  const wire = fields.object(value, TARGET);
  if (wire === undefined) return undefined;
  const before = fields.faults.length;
  fields.word(wire.retentionPolicyType, `${TARGET}.retentionPolicyType`, ['LongTermRetentionPolicy']);
  const rule = new RuleReader(fields, time);
  const daily = fields.optionalObject(wire.dailySchedule, `${TARGET}.dailySchedule`);
  const weekly = fields.optionalObject(wire.weeklySchedule, `${TARGET}.weeklySchedule`);
  const monthly = fields.optionalObject(wire.monthlySchedule, `${TARGET}.monthlySchedule`);
  const yearly = fields.optionalObject(wire.yearlySchedule, `${TARGET}.yearlySchedule`);
  const retention = {
    ...(daily && { daily: { days: rule.count(daily, 'dailySchedule', 'Days') } }),
    ...(weekly && {
      weekly: {
        weeks: rule.count(weekly, 'weeklySchedule', 'Weeks'),
        on: fields.words(weekly.daysOfTheWeek, `${TARGET}.weeklySchedule.daysOfTheWeek`, DAYS_OF_WEEK),
      },
    }),
    ...(monthly && {
      monthly: {
        months: rule.count(monthly, 'monthlySchedule', 'Months'),
        on: rule.monthDays(monthly, 'monthlySchedule'),
      },
    }),
    ...(yearly && {
      yearly: {
        years: rule.count(yearly, 'yearlySchedule', 'Years'),
        inMonths: fields.words(yearly.monthsOfYear, `${TARGET}.yearlySchedule.monthsOfYear`, MONTHS),
        on: rule.monthDays(yearly, 'yearlySchedule'),
      },
    }),
  };
  // Whatever was read as undefined has left a fault behind.
  return fields.faults.length === before ? (retention as Retention) : undefined;
};

type RuleName = 'dailySchedule' | 'weeklySchedule' | 'monthlySchedule' | 'yearlySchedule';

class RuleReader {
  readonly #fields: PolicyFields;
  readonly #time: TimeOfDay | undefined;

  constructor(fields: PolicyFields, time: TimeOfDay | undefined) {
    this.#fields = fields;
    this.#time = time;
  }

  /** The rule's count; notes a fault when its time is not the schedule's. */
  count(
    wire: Record<string, unknown>,
    name: RuleName,
    unit: 'Days' | 'Weeks' | 'Months' | 'Years',
  ): number | undefined {
    const target = `${TARGET}.${name}`;
    const times = `${target}.retentionTimes`;
    const sent = this.#fields.oneTime(wire.retentionTimes, times);
    if (sent !== undefined && this.#time !== undefined && sent.time !== this.#time) {
      this.#fields.fault(`${times}[0]`, `is ${sent.time}; it must be the time of the schedule, ${this.#time}.`);
    }
    const duration = this.#fields.object(wire.retentionDuration, `${target}.retentionDuration`);
    if (duration === undefined) return undefined;
    this.#fields.word(duration.durationType, `${target}.retentionDuration.durationType`, [unit]);
    return this.#fields.wholeNumber(duration.count, `${target}.retentionDuration.count`);
  }

  monthDays(wire: Record<string, unknown>, name: RuleName): MonthDays | undefined {
    const target = `${TARGET}.${name}`;
    const format = this.#fields.word(wire.retentionScheduleFormatType, `${target}.retentionScheduleFormatType`, [
      'Daily',
      'Weekly',
    ]);
    if (format === 'Daily') return this.#daysOfMonth(wire.retentionScheduleDaily, `${target}.retentionScheduleDaily`);
    if (format === 'Weekly')
      return this.#daysOfWeeks(wire.retentionScheduleWeekly, `${target}.retentionScheduleWeekly`);
    return undefined;
  }

  #daysOfMonth(value: unknown, parent: string): MonthDays | undefined {
    const target = `${parent}.daysOfTheMonth`;
    const days = this.#fields.object(value, parent)?.daysOfTheMonth;
    if (!Array.isArray(days) || days.length === 0) {
      return this.#fields.fault(
        target,
        'is missing or empty; it is required: a list of days {date: 1 to 28} or {date: 0, isLast: true}.',
      );
    }
    const daysOfMonth = days.map((day, i) => this.#dayOfMonth(day, `${target}[${i}]`));
    if (daysOfMonth.includes(undefined)) return undefined;
    return { format: 'Daily', daysOfMonth: [...new Set(daysOfMonth as number[])] };
  }

  #dayOfMonth(value: unknown, target: string): number | undefined {
    const day = this.#fields.object(value, target);
    if (day === undefined) return undefined;
    if (day.isLast === true) return 0;
    return this.#fields.wholeNumber(day.date, `${target}.date`);
  }

  #daysOfWeeks(value: unknown, target: string): MonthDays | undefined {
    const wire = this.#fields.object(value, target);
    if (wire === undefined) return undefined;
    const days = this.#fields.words(wire.daysOfTheWeek, `${target}.daysOfTheWeek`, DAYS_OF_WEEK);
    const weeks = this.#fields.words(wire.weeksOfTheMonth, `${target}.weeksOfTheMonth`, WEEKS_OF_MONTH);
    return days && weeks && { format: 'Weekly', days, weeks };
  }
}
