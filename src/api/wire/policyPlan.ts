import type { BackupPolicyProperties } from './backupPolicy.ts';
import type { IsoTime } from './resource.ts';

/** Body of `POST {policy}/nextRuns`. */
export interface NextRunsRequest {
  /** Default: now. */
  readonly from?: IsoTime | undefined;
  readonly until?: IsoTime | undefined;
  /** 1 to 1000; default 10. */
  readonly count?: number | undefined;
}

export interface NextRuns {
  readonly timeZone: string;
  readonly daylightSaving: 'fixedOffset' | 'wallClock';
  readonly value: readonly NextRun[];
}

export interface NextRun {
  readonly at: IsoTime;
  /** 'HH:MM', as the policy says. */
  readonly scheduledTime: string;
  /** 'YYYY-MM-DD', the local date it belongs to. */
  readonly day: string;
  /** What clocks in the policy's zone show, with their offset. */
  readonly wallClock: string;
  /** False: the backup stays a snapshot of the host. */
  readonly goesToVault: boolean;
  readonly note?: string | undefined;
}

/** Body of `POST {policy}/simulateRetention`. */
export interface SimulationRequest {
  /** When backups begin; default: now. */
  readonly from?: IsoTime | undefined;
  /** The moment that is looked at; or `years` from `from`, default 1. */
  readonly until?: IsoTime | undefined;
  readonly years?: number | undefined;
  /** Backups there already are, at most 10,000. */
  readonly history?: readonly { readonly takenAt: IsoTime; readonly retainUntil?: IsoTime | undefined }[] | undefined;
  /** Points that are listed, newest first: 1 to 10,000; default 1000. */
  readonly limit?: number | undefined;
}

/** Body of `POST {vault}/simulatePolicy`: of a policy that need not exist. */
export interface DraftSimulationRequest extends SimulationRequest {
  readonly properties: BackupPolicyProperties;
}

export interface Simulation {
  readonly from: IsoTime;
  readonly until: IsoTime;
  /** Backups that went to the vault by then, those of the history among them. */
  readonly backups: number;
  readonly keptCount: number;
  readonly kept: readonly KeptPoint[];
  /** Snapshots on the host at `until`, for instant restore. */
  readonly snapshots: number;
  readonly byRule: readonly { readonly rule: string; readonly points: number; readonly oldest: IsoTime }[];
  /** How many points there are at the end of each year, and at `until`. */
  readonly growth: readonly { readonly at: IsoTime; readonly points: number }[];
}

export interface KeptPoint {
  readonly takenAt: IsoTime;
  /** Local date it counts for; absent of an on-demand backup. */
  readonly day?: string | undefined;
  /** Absent of the newest, which is always kept. */
  readonly expiresAt?: IsoTime | undefined;
  readonly reasons: readonly { readonly rule: string; readonly until: IsoTime }[];
}
