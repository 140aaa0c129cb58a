import { createPrivateKey, createPublicKey, hash, randomBytes, sign, verify } from 'node:crypto';
import { CodedError } from '../../lib/error.ts';
import type { StructKeys } from '../keys.ts';
import { damaged, deriveKey, openSealed, sealInto, TAG_BYTES } from './seal.ts';
import type { VaultKeys } from './vaultKeys.ts';

/** What a signed object is for: a commit object never passes for a checkpoint. */
export interface SignedKind {
  /** 8 bytes in Latin-1. */
  readonly magic: string;
  readonly purpose: 'commit' | 'checkpoint';
}

const HEAD_BYTES = 8 + 4 + 32;
const SIGNATURE_BYTES = 64;
/** The salt gives every object a key of its own, so its nonce may be fixed. */
const NONCE = new Uint8Array(12);

/** Sealed with the struct key and signed; layout in docs/store-format.md, "Commit object". */
export const sealSigned = (
  kind: SignedKind,
  plain: Uint8Array,
  secrets: Pick<VaultKeys, 'vaultId' | 'signingKey'>,
  keys: StructKeys,
): { readonly bytes: Uint8Array; readonly sha256: string } => {
  const { generation, structKey } = keys.generations.at(-1)!;
  const bytes = Buffer.alloc(HEAD_BYTES + plain.length + TAG_BYTES + SIGNATURE_BYTES);
  bytes.write(kind.magic, 'latin1');
  bytes.writeUInt32LE(generation, 8);
  const salt = randomBytes(32);
  bytes.set(salt, 12);
  const label = labelOf(bytes.subarray(0, HEAD_BYTES), secrets.vaultId);
  sealInto(bytes, HEAD_BYTES, { key: deriveKey(structKey, salt, kind.purpose), nonce: NONCE, label }, plain);
  const signed = bytes.length - SIGNATURE_BYTES;
  const signingKey = createPrivateKey({ key: Buffer.from(secrets.signingKey), format: 'der', type: 'pkcs8' });
  bytes.set(sign(null, toSign(kind, bytes.subarray(0, signed), secrets.vaultId), signingKey), signed);
  return { bytes, sha256: hash('sha256', bytes, 'hex') };
};

/** The plain bytes. Errors: StoreDataDamaged (SHA-256, signature or seal are wrong), StoreKeyWrong. */
export const openSigned = (
  kind: SignedKind,
  object: { readonly name: string; readonly sha256: string; readonly bytes: Uint8Array },
  secrets: Pick<VaultKeys, 'vaultId' | 'verifyKey'>,
  keys: StructKeys,
): Uint8Array => {
  const { name, bytes } = object;
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (hash('sha256', view, 'hex') !== object.sha256)
    throw damaged(name, 'its bytes have another SHA-256 than its name');
  const signed = view.length - SIGNATURE_BYTES;
  if (signed < HEAD_BYTES + TAG_BYTES || view.toString('latin1', 0, 8) !== kind.magic)
    throw damaged(name, `it is no ${kind.purpose} object`);
  const verifyKey = createPublicKey({ key: Buffer.from(secrets.verifyKey), format: 'der', type: 'spki' });
  if (!verify(null, toSign(kind, view.subarray(0, signed), secrets.vaultId), verifyKey, view.subarray(signed)))
    throw damaged(name, "it does not bear this vault's signature");
  const generation = keys.generations.find((one) => one.generation === view.readUInt32LE(8));
  if (!generation)
    throw new CodedError('StoreKeyWrong', `This key set lacks the generation that sealed ${name}.`, { target: name });
  const plain = openSealed(view.subarray(HEAD_BYTES, signed), {
    key: deriveKey(generation.structKey, view.subarray(12, 44), kind.purpose),
    nonce: NONCE,
    label: labelOf(view.subarray(0, HEAD_BYTES), secrets.vaultId),
  });
  if (!plain) throw damaged(name, 'its seal is broken');
  return plain;
};

const labelOf = (head: Uint8Array, vaultId: string): Uint8Array => Buffer.concat([head, Buffer.from(vaultId)]);

const toSign = ({ purpose }: SignedKind, bytes: Uint8Array, vaultId: string): Uint8Array =>
  Buffer.concat([Buffer.from(`strongroom v1 ${purpose}\0${vaultId}\0`), bytes]);
