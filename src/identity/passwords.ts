import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { CodedError } from '../lib/error.ts';
import type { PasswordRecord } from './principalStore.ts';

const COST_LOG2 = 15;
const KEY_BYTES = 32;
const MIN_LENGTH = 12;
const MAX_LENGTH = 256;
/** Hashing takes 32 MiB and tens of milliseconds: no more than this at once, however many ask. */
const AT_ONCE = 2;

const derive = promisify(
  (password: string, salt: Uint8Array, options: ScryptOptions, done: (error: Error | null, key: Uint8Array) => void) =>
    scrypt(password, salt, KEY_BYTES, options, done),
);

let running = 0;
const waiting: (() => void)[] = [];

/** Errors: InvalidParameter, for a password that is too short or too long. */
export async function hashPassword(password: string): Promise<PasswordRecord> {
  if (password.length < MIN_LENGTH || password.length > MAX_LENGTH) {
    const message = `A password must have ${MIN_LENGTH} to ${MAX_LENGTH} characters.`;
    throw new CodedError('InvalidParameter', message, { target: 'properties.password' });
  }
  const salt = randomBytes(16);
  const hash = await deriveInTurn(password, salt, COST_LOG2);
  return {
    salt: salt.toString('base64'),
    hash: Buffer.from(hash).toString('base64'),
    costLog2: COST_LOG2,
  };
}

/** Takes as long when there is no record: an answer's time does not tell which names exist. */
export async function isPassword(record: PasswordRecord | undefined, password: string): Promise<boolean> {
  const { salt, hash, costLog2 } = record ?? NOBODY;
  const derived = await deriveInTurn(password.slice(0, MAX_LENGTH + 1), Buffer.from(salt, 'base64'), costLog2);
  return timingSafeEqual(derived, Buffer.from(hash, 'base64')) && record !== undefined;
}

const NOBODY: PasswordRecord = {
  salt: Buffer.alloc(16).toString('base64'),
  hash: Buffer.alloc(KEY_BYTES).toString('base64'),
  costLog2: COST_LOG2,
};

async function deriveInTurn(password: string, salt: Uint8Array, costLog2: number): Promise<Uint8Array> {
  while (running >= AT_ONCE) await new Promise<void>((resolve) => waiting.push(resolve));
  running += 1;
  try {
    return await derive(password.normalize('NFKC'), salt, { cost: 2 ** costLog2, blockSize: 8, maxmem: 2 ** 27 });
  } finally {
    running -= 1;
    waiting.shift()?.();
  }
}
