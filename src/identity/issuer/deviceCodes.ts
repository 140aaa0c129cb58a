import { randomBytes, randomInt } from 'node:crypto';
import type { Clock } from '../../lib/clock.ts';

/** A sign-in on one device that is waiting for its user on another. */
export interface DeviceSignIn {
  readonly userCode: string;
  readonly clientId: string;
  readonly audience: string;
  readonly expiresAt: number;
  /** Object id of who signed in. */
  approvedBy?: string;
}

export const DEVICE_CODE_SECONDS = 900;

const MAX_WAITING = 1000;
/** No vowels, nothing that looks like another: no words, no doubts. 28⁹ codes. */
const ALPHABET = 'BCDFGHJKLMNPQRSTVWXZ23456789';
const CODE_LENGTH = 9;

/** Kept in memory: a restart ends them. The oldest goes when there are too many. */
export class DeviceCodes {
  readonly #clock: Clock;
  readonly #byDeviceCode = new Map<string, DeviceSignIn>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  begin(clientId: string, audience: string): { readonly deviceCode: string; readonly userCode: string } {
    this.#forgetEnded();
    const deviceCode = randomBytes(32).toString('base64url');
    const userCode = Array.from({ length: CODE_LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
    const expiresAt = this.#clock.now() + DEVICE_CODE_SECONDS * 1000;
    this.#byDeviceCode.set(deviceCode, { userCode, clientId, audience, expiresAt });
    return { deviceCode, userCode };
  }

  /** The waiting sign-in of a code that a person typed, blanks, dashes and case forgiven. */
  findWaiting(typed: string): DeviceSignIn | undefined {
    this.#forgetEnded();
    const code = typed.toUpperCase().replace(/[\s-]/g, '');
    return [...this.#byDeviceCode.values()].find((one) => one.userCode === code && one.approvedBy === undefined);
  }

  /** Undefined: unknown, ended, or another client's. What was approved is handed out once. */
  take(deviceCode: string, clientId: string): DeviceSignIn | undefined {
    this.#forgetEnded();
    const found = this.#byDeviceCode.get(deviceCode);
    if (found === undefined || found.clientId !== clientId) return undefined;
    if (found.approvedBy !== undefined) this.#byDeviceCode.delete(deviceCode);
    return found;
  }

  /** They end in the order in which they began. */
  #forgetEnded(): void {
    for (const [code, { expiresAt }] of this.#byDeviceCode) {
      if (expiresAt > this.#clock.now() && this.#byDeviceCode.size <= MAX_WAITING) return;
      this.#byDeviceCode.delete(code);
    }
  }
}
