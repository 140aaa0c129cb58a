import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';
import { CodedError } from '../../lib/error.ts';

/** Bytes that AES-256-GCM adds. */
export const TAG_BYTES = 16;
export const NONCE_BYTES = 12;

export const deriveKey = (secret: Uint8Array, salt: Uint8Array, purpose: string): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', secret, salt, `strongroom v1 ${purpose}`, 32));

/** AES-256-GCM into `target` at `offset`; the tag follows. Returns the bytes written: `plain.length + TAG_BYTES`. */
export const sealInto = (
  target: Uint8Array,
  offset: number,
  seal: { readonly key: Uint8Array; readonly nonce: Uint8Array; readonly label: Uint8Array },
  plain: Uint8Array,
): number => {
  const cipher = createCipheriv('aes-256-gcm', seal.key, seal.nonce);
  cipher.setAAD(seal.label);
  for (let at = 0; at < plain.length; at += PIECE_BYTES) {
    target.set(cipher.update(plain.subarray(at, at + PIECE_BYTES)), offset + at);
  }
  cipher.final();
  target.set(cipher.getAuthTag(), offset + plain.length);
  return plain.length + TAG_BYTES;
};

/** Each piece that node:crypto returns is new memory; pieces below 128 KiB are recycled by the allocator. */
const PIECE_BYTES = 65_536;

/** The plain bytes, in `room` if it is given; undefined when key, nonce, label or bytes are not those of the seal. */
export const openSealed = (
  sealed: Uint8Array,
  seal: { readonly key: Uint8Array; readonly nonce: Uint8Array; readonly label: Uint8Array },
  room: Uint8Array = new Uint8Array(Math.max(0, sealed.length - TAG_BYTES)),
): Uint8Array | undefined => {
  if (sealed.length < TAG_BYTES) return undefined;
  const end = sealed.length - TAG_BYTES;
  const decipher = createDecipheriv('aes-256-gcm', seal.key, seal.nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(seal.label);
  decipher.setAuthTag(sealed.subarray(end));
  for (let at = 0; at < end; at += PIECE_BYTES) {
    room.set(decipher.update(sealed.subarray(at, Math.min(at + PIECE_BYTES, end))), at);
  }
  try {
    decipher.final();
  } catch {
    // node:crypto tells a broken seal only by throwing, and by no code of its own
    return undefined;
  }
  return room.subarray(0, end);
};

export const damaged = (object: string, why: string): CodedError =>
  new CodedError('StoreDataDamaged', `${object}: ${why}.`, {
    target: object,
    recommendations: ['Bring the object back from a replica, or let the next backup store its data anew.'],
  });
