import type { QmpCommand } from './qmp.ts';

/** What is to be done in the moment a snapshot is cut; plain data, handed to another process. */
export interface CutPlan {
  readonly qmpSocket: string;
  /** Absent: the file systems are not frozen. */
  readonly agentSocket?: string;
  /** The vCPUs run: they are stopped around the commands. */
  readonly pause: boolean;
  /** A file that stands while the vCPUs are stopped by us. */
  readonly stoppedMark: string;
  readonly commands: readonly QmpCommand[];
}

export interface CutResult {
  /** Ms since epoch. */
  readonly cutAt: number;
  readonly frozen: boolean;
  /** Why the file systems were not frozen. */
  readonly notFrozenWhy?: string;
  readonly frozenMs: number;
  /** The cut failed; the guest is thawed and its vCPUs run. */
  readonly error?: string;
  /** The guest could not be thawed. */
  readonly stillFrozen?: string;
}

/** An agent that is there answers at once. */
export const AGENT_SYNC_MS = 3_000;
/** The freeze with all its hooks; the point is crash-consistent when it takes longer. */
export const FREEZE_MS = 10_000;
/** From the request to freeze to the first thaw, whatever happens in between. */
export const WINDOW_MS = 30_000;
/** A thaw of a healthy agent, hooks included. */
export const THAW_MS = 6_000;
export const THAW_TRIES = 3;
