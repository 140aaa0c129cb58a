import type { MachineKeeper } from './machineKeeper.ts';

/** What the providers read of machines: the part of a machine host that discovery needs, and no more. */
export interface MachineView {
  /** Name of its host in the server's configuration. */
  readonly host: string;
  readonly name: string;
  readonly resourceGroup: string;
  readonly location: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly vmId: string;
  readonly powerState: 'running' | 'paused' | 'stopped';
  readonly osType: 'Linux' | 'Windows';
  readonly osName?: string;
  readonly osVersion?: string;
  readonly agent: { readonly status: 'ready' | 'notReady'; readonly version?: string };
  readonly disks: readonly { readonly lun: number; readonly name: string; readonly sizeBytes: number }[];
}

/** A machine host as seen from here; every MachineHost is one. */
export interface MachineSource {
  readonly name: string;
  readonly kind: string;
  /** Absent where machines are neither made nor removed. */
  readonly keeper?: MachineKeeper;
  list(
    signal?: AbortSignal,
  ): Promise<{ readonly machines: readonly MachineView[]; readonly problems: readonly string[] }>;
  /** Errors: BCMV2VMNotFound, with what it could not make a machine of as details. */
  find(ref: { readonly resourceGroup: string; readonly name: string }, signal?: AbortSignal): Promise<MachineView>;
  /** Absent, or UserErrorVmNotInDesirableState, where machines are not switched. */
  start?(ref: { readonly resourceGroup: string; readonly name: string }, signal?: AbortSignal): Promise<void>;
  stop?(
    ref: { readonly resourceGroup: string; readonly name: string },
    options?: { readonly graceful?: boolean; readonly signal?: AbortSignal },
  ): Promise<void>;
}
