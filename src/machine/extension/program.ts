import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The program that lives in the guest; its first lines say its version. */
export const EXTENSION_PROGRAM = readFileSync(join(import.meta.dirname, 'vm-snapshot.sh'), 'utf8');

/** 'major.minor'. */
export const EXTENSION_VERSION = /^VERSION=(\d+\.\d+)$/m.exec(EXTENSION_PROGRAM)?.[1] ?? '0.0';

/** Where it lies in the guest: root's alone. */
export const EXTENSION_FOLDER = '/usr/lib/strongroom';
export const EXTENSION_PATH = `${EXTENSION_FOLDER}/vm-snapshot`;

/** Whether the guest's is older than ours; one that says no version is. */
export const isOlder = (theirs: string | undefined, ours: string): boolean => {
  const [a = -1, b = -1] = (theirs ?? '').split('.').map((part) => Number.parseInt(part, 10));
  const [c = 0, d = 0] = ours.split('.').map((part) => Number.parseInt(part, 10));
  return Number.isNaN(a) || a < c || (a === c && b < d);
};
