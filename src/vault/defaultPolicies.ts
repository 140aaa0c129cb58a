import type { PolicyRules } from './policy.ts';

export const DEFAULT_POLICY_NAME = 'DefaultPolicy';
export const ENHANCED_POLICY_NAME = 'EnhancedPolicy';

/** Daily at 20:00 UTC, kept 30 days, instant restore 2 days; each vault has it. */
export const defaultPolicy = (now: number): PolicyRules => ({
  policyType: 'V1',
  schedule: { frequency: 'Daily', time: '20:00' },
  timeZone: 'UTC',
  daylightSaving: 'fixedOffset',
  instantRestoreDays: 2,
  retention: { daily: { days: 30 } },
  referenceDate: new Date(now).toISOString().slice(0, 10),
  instantRPDetails: {},
});

/** Every 4 hours from 08:00 UTC for 12 hours, kept 30 days, instant restore 2 days; each vault has it. */
export const enhancedPolicy = (now: number): PolicyRules => ({
  ...defaultPolicy(now),
  policyType: 'V2',
  schedule: { frequency: 'Hourly', intervalHours: 4, windowStart: '08:00', windowHours: 12 },
});
