import type { QmpCommand } from './qmp.ts';

/** What is to be done in the moment a snapshot is cut; plain data, handed to another process. */
export interface CutPlan {
  readonly qmpSocket: string;
  /** Absent: the file systems are not frozen. */
  readonly agentSocket?: string;
  /** The mount points to freeze; absent: all. */
  readonly mounts?: readonly string[];
  /** The vCPUs run: they are stopped around the commands. */
  readonly pause: boolean;
  /** A file that stands while the vCPUs are stopped by us. */
  readonly stoppedMark: string;
  readonly commands: readonly QmpCommand[];
  readonly limits: CutLimits;
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

/** How long each step may take; the sum of the worst case stays under 60 s of a frozen guest. */
export interface CutLimits {
  /** An agent that is there answers at once. */
  readonly syncMs: number;
  /** The freeze with all its hooks; the point is crash-consistent when it takes longer. */
  readonly freezeMs: number;
  /** From the request to freeze to the first thaw, whatever happens in between. */
  readonly windowMs: number;
  /** A thaw of a healthy agent, hooks included; tried `thawTries` times. */
  readonly thawMs: number;
  readonly thawTries: number;
  /** One command of QEMU's. */
  readonly commandMs: number;
}

export const CUT_LIMITS: CutLimits = {
  syncMs: 3_000,
  freezeMs: 10_000,
  windowMs: 30_000,
  thawMs: 4_000,
  thawTries: 3,
  commandMs: 10_000,
};
