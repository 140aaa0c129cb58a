import { createPrivateKey, createPublicKey, hash, randomBytes, sign, verify } from 'node:crypto';
import { canonicalJson } from '../../lib/canonicalJson.ts';
import { CodedError } from '../../lib/error.ts';
import type { CommitBody } from '../commitBody.ts';
import type { WorkerKeys } from '../keys.ts';
import { parseObject, unknownVersion } from './jsonObject.ts';
import { commitName, parseCommitName } from './names.ts';
import { damaged, deriveKey, openSealed, sealInto, TAG_BYTES } from './seal.ts';
import type { VaultKeys } from './vaultKeys.ts';

/** Layout of a commit object, docs/store-format.md, "Commit object". */
const MAGIC = Buffer.from('SRMCMIT1', 'latin1');
const HEAD_BYTES = 8 + 4 + 32;
const SIGNATURE_BYTES = 64;
/** The salt gives every commit a key of its own, so its nonce may be fixed. */
const NONCE = new Uint8Array(12);

export const sealCommit = (
  body: CommitBody,
  secrets: Pick<VaultKeys, 'vaultId' | 'signingKey'>,
  keys: WorkerKeys,
): { readonly name: string; readonly bytes: Uint8Array } => {
  if (body.vaultId !== secrets.vaultId) {
    throw new CodedError('InvalidParameter', `vaultId '${body.vaultId}' must be this store's, '${secrets.vaultId}'.`, {
      target: 'vaultId',
    });
  }
  const { generation, structKey } = keys.generations.at(-1)!;
  const plain = Buffer.from(canonicalJson(body));
  const bytes = Buffer.alloc(HEAD_BYTES + plain.length + TAG_BYTES + SIGNATURE_BYTES);
  MAGIC.copy(bytes);
  bytes.writeUInt32LE(generation, 8);
  const salt = randomBytes(32);
  bytes.set(salt, 12);
  const label = labelOf(bytes.subarray(0, HEAD_BYTES), body.vaultId);
  sealInto(bytes, HEAD_BYTES, { key: deriveKey(structKey, salt, 'commit'), nonce: NONCE, label }, plain);
  const signed = bytes.length - SIGNATURE_BYTES;
  const signingKey = createPrivateKey({ key: Buffer.from(secrets.signingKey), format: 'der', type: 'pkcs8' });
  bytes.set(sign(null, toSign(bytes.subarray(0, signed), body.vaultId), signingKey), signed);
  return { name: commitName(body.itemId, body.cseq, body.pointId, hash('sha256', bytes, 'hex')), bytes };
};

/** Errors: StoreDataDamaged (name, seal, signature and body must agree), StoreFormatUnknown, StoreKeyWrong. */
export const openCommit = (
  name: string,
  bytes: Uint8Array,
  secrets: Pick<VaultKeys, 'vaultId' | 'verifyKey'>,
  keys: WorkerKeys,
): CommitBody => {
  const named = parseCommitName(name);
  if (!named) throw damaged(name, 'it is not named as a commit object');
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (hash('sha256', view, 'hex') !== named.sha256) throw damaged(name, 'its bytes have another SHA-256 than its name');
  const signed = view.length - SIGNATURE_BYTES;
  if (signed < HEAD_BYTES + TAG_BYTES || !view.subarray(0, 8).equals(MAGIC))
    throw damaged(name, 'it is no commit object');
  const verifyKey = createPublicKey({ key: Buffer.from(secrets.verifyKey), format: 'der', type: 'spki' });
  if (!verify(null, toSign(view.subarray(0, signed), secrets.vaultId), verifyKey, view.subarray(signed))) {
    throw damaged(name, "it does not bear this vault's signature");
  }
  const generation = keys.generations.find((one) => one.generation === view.readUInt32LE(8));
  if (!generation)
    throw new CodedError('StoreKeyWrong', `This key set lacks the generation that sealed ${name}.`, { target: name });
  const plain = openSealed(view.subarray(HEAD_BYTES, signed), {
    key: deriveKey(generation.structKey, view.subarray(12, 44), 'commit'),
    nonce: NONCE,
    label: labelOf(view.subarray(0, HEAD_BYTES), secrets.vaultId),
  });
  if (!plain) throw damaged(name, 'its seal is broken');
  const body = parseObject(name, plain) as unknown as CommitBody;
  if (body.formatVersion !== 1) throw unknownVersion(name, body.formatVersion);
  const agrees =
    body.vaultId === secrets.vaultId &&
    body.itemId === named.itemId &&
    body.cseq === named.cseq &&
    body.pointId === named.pointId;
  if (!agrees) throw damaged(name, `it belongs to point ${body.pointId} of item ${body.itemId}`);
  return body;
};

const labelOf = (head: Uint8Array, vaultId: string): Uint8Array => Buffer.concat([head, Buffer.from(vaultId)]);

const toSign = (bytes: Uint8Array, vaultId: string): Uint8Array =>
  Buffer.concat([Buffer.from(`strongroom v1 commit\0${vaultId}\0`), bytes]);
