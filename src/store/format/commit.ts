import { canonicalJson } from '../../lib/canonicalJson.ts';
import { CodedError } from '../../lib/error.ts';
import type { CommitBody } from '../commitBody.ts';
import type { StructKeys } from '../keys.ts';
import { parseObject, unknownVersion } from './jsonObject.ts';
import { commitName, parseCommitName } from './names.ts';
import { damaged } from './seal.ts';
import { openSigned, type SignedKind, sealSigned } from './signed.ts';
import type { VaultKeys } from './vaultKeys.ts';

/** Layout of a commit object, docs/store-format.md, "Commit object". */
const COMMIT: SignedKind = { magic: 'SRMCMIT1', purpose: 'commit' };

export const sealCommit = (
  body: CommitBody,
  secrets: Pick<VaultKeys, 'vaultId' | 'signingKey'>,
  keys: StructKeys,
): { readonly name: string; readonly bytes: Uint8Array } => {
  if (body.vaultId !== secrets.vaultId) {
    throw new CodedError('InvalidParameter', `vaultId '${body.vaultId}' must be this store's, '${secrets.vaultId}'.`, {
      target: 'vaultId',
    });
  }
  const { bytes, sha256 } = sealSigned(COMMIT, Buffer.from(canonicalJson(body)), secrets, keys);
  return { name: commitName(body.itemId, body.cseq, body.pointId, sha256), bytes };
};

/** Errors: StoreDataDamaged (name, seal, signature and body must agree), StoreFormatUnknown, StoreKeyWrong. */
export const openCommit = (
  name: string,
  bytes: Uint8Array,
  secrets: Pick<VaultKeys, 'vaultId' | 'verifyKey'>,
  keys: StructKeys,
): CommitBody => {
  const named = parseCommitName(name);
  if (!named) throw damaged(name, 'it is not named as a commit object');
  const plain = openSigned(COMMIT, { name, sha256: named.sha256, bytes }, secrets, keys);
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
