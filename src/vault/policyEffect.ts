import { CodedError, type ErrorDetail } from '../lib/error.ts';
import type { PolicyRules, Schedule } from './policy.ts';
import { DAYS_OF_WEEK } from './policy.ts';
import { reductions } from './policyChange.ts';

/** What a change of a policy means to those that it protects. */
export interface PolicyEffect {
  /** Nothing but the date before the times, which means nothing. */
  readonly isSame: boolean;
  /** Every rule that would keep points shorter, or fewer of them. */
  readonly shortened: readonly ErrorDetail[];
  /** Some rule keeps points longer, or more of them. */
  readonly isLengthened: boolean;
  /** The longest time without a backup grows. */
  readonly isRarer: boolean;
  /** Fewer or shorter points, or rarer ones: what a second person may have to consent to. */
  readonly isWeaker: boolean;
}

export const policyEffect = (from: PolicyRules, to: PolicyRules): PolicyEffect => {
  const shortened = reductions(from, to);
  const isRarer = longestPauseHours(to.schedule) > longestPauseHours(from.schedule);
  return {
    isSame: ruleText(from) === ruleText(to),
    shortened,
    isLengthened: reductions(to, from).length > 0,
    isRarer,
    isWeaker: shortened.length > 0 || isRarer,
  };
};

/** Hours that may pass between two backups. */
const longestPauseHours = (schedule: Schedule): number => {
  if (schedule.frequency === 'Daily') return 24;
  if (schedule.frequency === 'Hourly') return Math.max(schedule.intervalHours, 24 - schedule.windowHours);
  const days = schedule.days.map((day) => DAYS_OF_WEEK.indexOf(day)).sort((a, b) => a - b);
  const pauses = days.map((day, i) => (days[i + 1] ?? days[0]! + 7) - day);
  return Math.max(...pauses) * 24;
};

/**
 * Retention that grows would hold the points of an item that ends as its policy says.
 * Errors: UserErrorOperationDeniedOnImmutableItem naming the suspended items.
 */
export const assertNoneSuspended = (effect: PolicyEffect, suspended: readonly string[]): void => {
  if (!effect.isLengthened || suspended.length === 0) return;
  throw new CodedError(
    'UserErrorOperationDeniedOnImmutableItem',
    `Retention cannot be lengthened while backups of items under the policy are suspended (retain as per policy): ${suspended.join(', ')}.`,
    {
      target: 'retentionPolicy',
      recommendations: [
        'Resume protection of these items under another policy, or make another policy for the others.',
      ],
    },
  );
};

/** The rules as a text that is the same for the same rules. */
const ruleText = ({
  policyType,
  schedule,
  timeZone,
  daylightSaving,
  instantRestoreDays,
  retention,
  snapshotConsistency = null,
  instantRPDetails,
  tieringPolicy = null,
}: Omit<PolicyRules, 'snapshotConsistency' | 'tieringPolicy'> & {
  readonly snapshotConsistency?: unknown;
  readonly tieringPolicy?: unknown;
}): string =>
  JSON.stringify(
    sorted({
      ...{ policyType, schedule, timeZone: timeZone.toLowerCase(), daylightSaving, instantRestoreDays, retention },
      ...{ snapshotConsistency, instantRPDetails, tieringPolicy },
    }),
  );

/** With the keys of every object in order: what the database gives back may have them in another. */
const sorted = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, one]) => [key, sorted(one)]),
  );
};
