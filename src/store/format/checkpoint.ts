import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { canonicalJson } from '../../lib/canonicalJson.ts';
import type { CheckpointBody } from '../checkpointBody.ts';
import type { StructKeys } from '../keys.ts';
import { parseObject, unknownVersion } from './jsonObject.ts';
import { checkpointName, parseCheckpointName } from './names.ts';
import { damaged } from './seal.ts';
import { openSigned, type SignedKind, sealSigned } from './signed.ts';
import type { VaultKeys } from './vaultKeys.ts';

const CHECKPOINT: SignedKind = { magic: 'SRMCKPT1', purpose: 'checkpoint' };
/** Some two million commits. */
const MAX_PLAIN_BYTES = 512 * 2 ** 20;

export const sealCheckpoint = (
  body: CheckpointBody,
  secrets: Pick<VaultKeys, 'vaultId' | 'signingKey'>,
  keys: StructKeys,
): { readonly name: string; readonly bytes: Uint8Array } => {
  const plain = zstdCompressSync(Buffer.from(canonicalJson(body)));
  const { bytes, sha256 } = sealSigned(CHECKPOINT, plain, secrets, keys);
  return { name: checkpointName(body.lastCseq, sha256), bytes };
};

/** Errors: StoreDataDamaged, StoreFormatUnknown, StoreKeyWrong. */
export const openCheckpoint = (
  name: string,
  bytes: Uint8Array,
  secrets: Pick<VaultKeys, 'vaultId' | 'verifyKey'>,
  keys: StructKeys,
): CheckpointBody => {
  const named = parseCheckpointName(name);
  if (!named) throw damaged(name, 'it is not named as a checkpoint');
  const packed = openSigned(CHECKPOINT, { name, sha256: named.sha256, bytes }, secrets, keys);
  const body = parseObject(name, unpacked(name, packed)) as unknown as CheckpointBody;
  if (body.formatVersion !== 1) throw unknownVersion(name, body.formatVersion);
  if (body.vaultId !== secrets.vaultId || body.lastCseq !== named.cseq)
    throw damaged(name, `it is a checkpoint of commit ${body.lastCseq} of vault ${body.vaultId}`);
  return body;
};

const unpacked = (name: string, packed: Uint8Array): Uint8Array => {
  try {
    return zstdDecompressSync(packed, { maxOutputLength: MAX_PLAIN_BYTES });
  } catch {
    throw damaged(name, 'what its seal holds cannot be decompressed');
  }
};
