import { CodedError, type ErrorDetail } from '../lib/error.ts';
import type { PolicyRules } from './policy.ts';
import { throwFaults } from './policyFromWire.ts';
import type { Vault } from './vault.ts';

/**
 * Whether a policy may become what a PUT asks for.
 * Errors: BMSUserErrorInvalidPolicyInput (its type never changes), UserErrorOperationDeniedOnImmutableItem.
 */
export const assertPolicyChange = (vault: Vault, from: PolicyRules, to: PolicyRules): void => {
  if (from.policyType !== to.policyType) {
    const message = `policyType is ${from.policyType} for the life of the policy; it cannot become ${to.policyType}. Make another policy.`;
    throwFaults([{ code: 'BMSUserErrorInvalidPolicyInput', target: 'policyType', message }]);
  }
  assertRetentionKept(vault, from, to);
};

/** Errors: UserErrorOperationDeniedOnImmutableItem when the vault is immutable and a rule keeps points shorter. */
export const assertRetentionKept = (vault: Vault, from: PolicyRules, to: PolicyRules): void => {
  if (vault.immutability === 'Disabled') return;
  const details = reductions(from, to);
  if (details.length === 0) return;
  throw new CodedError(
    'UserErrorOperationDeniedOnImmutableItem',
    'The Vault and Backup Item is immutable, hence operation is denied. Retention may only be kept or lengthened.',
    { target: 'retentionPolicy', details, recommendations: ['Keep or raise every retention; add rules freely.'] },
  );
};

/** Every rule of retention that would keep points for a shorter time, or fewer of them. */
export const reductions = (from: PolicyRules, to: PolicyRules): readonly ErrorDetail[] => {
  const found: ErrorDetail[] = [];
  const less = (field: string, before: number | undefined, after: number | undefined): void => {
    if (before === undefined || (after !== undefined && after >= before)) return;
    const message = `${field} is ${before}; it cannot become ${after ?? 'absent'}.`;
    found.push({ code: 'UserErrorOperationDeniedOnImmutableItem', target: field, message });
  };
  const fewer = (
    field: string,
    before: readonly unknown[] | undefined,
    after: readonly unknown[] | undefined,
  ): void => {
    const lost = before?.filter((one) => !after?.includes(one)) ?? [];
    if (lost.length === 0 || after === undefined) return;
    const message = `${field} must keep ${lost.join(', ')}.`;
    found.push({ code: 'UserErrorOperationDeniedOnImmutableItem', target: field, message });
  };
  const [a, b] = [from.retention, to.retention];
  less('retentionPolicy.dailySchedule', a.daily?.days, b.daily?.days);
  less('retentionPolicy.weeklySchedule', a.weekly?.weeks, b.weekly?.weeks);
  less('retentionPolicy.monthlySchedule', a.monthly?.months, b.monthly?.months);
  less('retentionPolicy.yearlySchedule', a.yearly?.years, b.yearly?.years);
  fewer('retentionPolicy.weeklySchedule.daysOfTheWeek', a.weekly?.on, b.weekly?.on);
  fewer('retentionPolicy.monthlySchedule', a.monthly && dayNames(a.monthly.on), b.monthly && dayNames(b.monthly.on));
  fewer('retentionPolicy.yearlySchedule.monthsOfYear', a.yearly?.inMonths, b.yearly?.inMonths);
  fewer('retentionPolicy.yearlySchedule', a.yearly && dayNames(a.yearly.on), b.yearly && dayNames(b.yearly.on));
  less('instantRpRetentionRangeInDays', from.instantRestoreDays, to.instantRestoreDays);
  return found;
};

/** The days of a month that count, one name each, so that sets of them can be compared. */
const dayNames = (on: NonNullable<PolicyRules['retention']['monthly']>['on']): readonly string[] =>
  on.format === 'Daily'
    ? on.daysOfMonth.map((day) => (day === 0 ? 'the last day' : `day ${day}`))
    : on.weeks.flatMap((week) => on.days.map((day) => `${week} ${day}`));
