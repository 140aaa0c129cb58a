import { callDaemon } from './backends/daemonCall.ts';

export interface StoreDaemonDescription {
  readonly mode: 'governance' | 'compliance';
  readonly landingDays: number;
  readonly maxLockDays: number;
  /** 'set': files carry the file system's immutable flag; else why they do not. */
  readonly immutableFlag: string;
  /** By the daemon's own rule, ms; what counts for expiry. */
  readonly now: number;
  /** How far the machine's clock is ahead of what counts, ms. */
  readonly heldBackMs: number;
  /** Whether this socket deletes what is no longer locked. */
  readonly deletes: boolean;
}

/** What the store daemon behind a socket does. Errors: StoreIoFailed (nobody answers). */
export const describeDaemon = async (socket: string): Promise<StoreDaemonDescription> => {
  const { body } = await callDaemon(socket, { method: 'GET', address: { call: 'about', store: '', name: '' } });
  return JSON.parse(new TextDecoder().decode(body)) as StoreDaemonDescription;
};
