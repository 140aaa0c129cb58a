import { createHash } from 'node:crypto';

/** The SHA-256 (hex) that the name promises for the object's bytes; undefined: the name promises nothing. */
export const promisedSha256 = (name: string): string | undefined => /\.([0-9a-f]{64})$/.exec(name)?.[1];

export const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
