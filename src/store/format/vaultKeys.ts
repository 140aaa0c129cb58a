import {
  argon2Sync,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  hash,
  randomBytes,
  sign,
  verify,
} from 'node:crypto';
import { canonicalJson } from '../../lib/canonicalJson.ts';
import { CodedError, isCoded } from '../../lib/error.ts';
import type { KeyEncryptionKey, WorkerKeys } from '../keys.ts';
import { parseObject, unknownVersion } from './jsonObject.ts';
import { keysName } from './names.ts';
import { damaged, deriveKey, NONCE_BYTES, openSealed, sealInto, TAG_BYTES } from './seal.ts';

/** All secrets of a vault. */
export interface VaultKeys {
  readonly vaultId: string;
  readonly generations: readonly { readonly generation: number /** 32 bytes. */; readonly masterKey: Uint8Array }[];
  readonly idKey: Uint8Array;
  /** Ed25519, PKCS #8 and SPKI, DER. */
  readonly signingKey: Uint8Array;
  readonly verifyKey: Uint8Array;
}

type Head = Omit<WrappedKeys, 'sealed' | 'signature'>;

const NO_SALT = new Uint8Array(0);
const KEK_BYTES = 32;

export const newVaultKeys = (vaultId: string): VaultKeys => {
  const pair = generateKeyPairSync('ed25519', {
    privateKeyEncoding: { format: 'der', type: 'pkcs8' },
    publicKeyEncoding: { format: 'der', type: 'spki' },
  });
  return {
    vaultId,
    generations: [{ generation: 1, masterKey: randomBytes(32) }],
    idKey: randomBytes(32),
    signingKey: pair.privateKey,
    verifyKey: pair.publicKey,
  };
};

export const workerKeysOf = (keys: VaultKeys): WorkerKeys => ({
  vaultId: keys.vaultId,
  generations: keys.generations.map(({ generation, masterKey }) => ({
    generation,
    dataKey: deriveKey(masterKey, NO_SALT, 'data'),
    structKey: deriveKey(masterKey, NO_SALT, 'struct'),
  })),
  idKey: new Uint8Array(keys.idKey),
  nodeKey: deriveKey(keys.idKey, NO_SALT, 'id node'),
});

interface Argon2 {
  readonly kind: 'passphrase';
  readonly memoryKiB: number;
  readonly passes: number;
  readonly parallelism: number;
}

/** A keys/ object: JSON, so that it can be printed and typed in again. */
interface WrappedKeys {
  readonly format: 'strongroom keys';
  readonly version: 1;
  readonly vaultId: string;
  readonly number: number;
  readonly kek: Argon2 | { readonly kind: 'file' };
  readonly salt: string;
  readonly nonce: string;
  readonly sealed: string;
  /** By the vault's signing key; absent in objects of earlier releases. */
  readonly signature?: string;
}

/** About 0.2 s on a server; an attacker pays the same for every guess. */
const PASSPHRASE: Argon2 = { kind: 'passphrase', memoryKiB: 65_536, passes: 3, parallelism: 1 };
const FILE = { kind: 'file' } as const;
/** What a keys/ object may ask of the one who opens it. */
const MAX_MEMORY_KIB = 1_048_576;
const MAX_PASSES = 16;

/** `number`: of the keys/ object. Errors: InvalidParameter (a key file that is not 32 bytes, an empty passphrase). */
export const wrapKeys = (keys: VaultKeys, kek: KeyEncryptionKey, number: number): Uint8Array => {
  const salt = randomBytes(32);
  const nonce = randomBytes(NONCE_BYTES);
  const head: Head = {
    format: 'strongroom keys',
    version: 1,
    vaultId: keys.vaultId,
    number,
    kek: kek.kind === 'file' ? FILE : PASSPHRASE,
    salt: salt.toString('base64'),
    nonce: nonce.toString('base64'),
  };
  const plain = Buffer.from(
    canonicalJson({
      generations: keys.generations.map((one) => ({ generation: one.generation, masterKey: base64(one.masterKey) })),
      idKey: base64(keys.idKey),
      signingKey: base64(keys.signingKey),
      verifyKey: base64(keys.verifyKey),
    }),
  );
  const sealed = new Uint8Array(plain.length + TAG_BYTES);
  sealInto(sealed, 0, { key: wrappingKey(kek, head, salt), nonce, label: labelOf(head) }, plain);
  plain.fill(0);
  const unsigned = { ...head, sealed: base64(sealed) };
  const signingKey = createPrivateKey({ key: Buffer.from(keys.signingKey), format: 'der', type: 'pkcs8' });
  const wrapped: WrappedKeys = { ...unsigned, signature: base64(sign(null, toSign(unsigned), signingKey)) };
  return Buffer.from(canonicalJson({ ...wrapped, sha256: hash('sha256', canonicalJson(wrapped), 'hex') }));
};

/** Errors: StoreDataDamaged, StoreFormatUnknown, StoreKeyWrong. */
export const unwrapKeys = (name: string, bytes: Uint8Array, kek: KeyEncryptionKey): VaultKeys => {
  const wrapped = parseWrapped(name, bytes);
  const { sealed, signature: _signature, ...head } = wrapped;
  const plain = openSealed(Buffer.from(sealed, 'base64'), {
    key: wrappingKey(kek, wrapped, Buffer.from(wrapped.salt, 'base64')),
    nonce: Buffer.from(wrapped.nonce, 'base64'),
    label: labelOf(head),
  });
  if (!plain) {
    throw new CodedError(
      'StoreKeyWrong',
      `This ${wordFor(kek)} does not open the keys of vault ${wrapped.vaultId} (${name}).`,
      {
        target: name,
        recommendations: [keyToUse(wrapped)],
      },
    );
  }
  const text = Buffer.from(plain.buffer, plain.byteOffset, plain.length).toString();
  plain.fill(0);
  const secrets = JSON.parse(text) as {
    generations: { generation: number; masterKey: string }[];
    idKey: string;
    signingKey: string;
    verifyKey: string;
  };
  return {
    vaultId: wrapped.vaultId,
    generations: secrets.generations.map((one) => ({ ...one, masterKey: Buffer.from(one.masterKey, 'base64') })),
    idKey: Buffer.from(secrets.idKey, 'base64'),
    signingKey: Buffer.from(secrets.signingKey, 'base64'),
    verifyKey: Buffer.from(secrets.verifyKey, 'base64'),
  };
};

/** Whether this vault made it, by the word of an older keys object; what cannot be read, it did not make. */
export const areKeysOf = (name: string, bytes: Uint8Array, { verifyKey }: Pick<VaultKeys, 'verifyKey'>): boolean => {
  try {
    const {
      sha256: _sha256,
      signature,
      ...unsigned
    } = parseObject(name, bytes) as { sha256: unknown; signature: unknown; number: unknown };
    // a copy of an older one under another name is not what the vault put there
    if (name !== keysName(Number(unsigned.number))) return false;
    const key = createPublicKey({ key: Buffer.from(verifyKey), format: 'der', type: 'spki' });
    return verify(null, toSign(unsigned), key, Buffer.from(String(signature), 'base64'));
  } catch (error) {
    if (isCoded(error, 'StoreDataDamaged')) return false;
    throw error;
  }
};

const toSign = (unsigned: object): Uint8Array => Buffer.from(`strongroom v1 keys\0${canonicalJson(unsigned)}`);

const parseWrapped = (name: string, bytes: Uint8Array): WrappedKeys => {
  const { sha256, ...wrapped } = parseObject(name, bytes) as unknown as WrappedKeys & { sha256: unknown };
  if (wrapped.format !== 'strongroom keys') throw damaged(name, 'it is no keys object');
  if (wrapped.version !== 1) throw unknownVersion(name, wrapped.version);
  if (sha256 !== hash('sha256', canonicalJson(wrapped), 'hex')) throw damaged(name, 'its checksum is wrong');
  // an older object under a higher number would bring back keys that were left behind
  if (name !== keysName(wrapped.number)) throw damaged(name, `it is the object keys/${String(wrapped.number)}`);
  const { kek } = wrapped;
  const bearable =
    kek.kind === 'file' || (kek.memoryKiB <= MAX_MEMORY_KIB && kek.passes <= MAX_PASSES && kek.parallelism <= 16);
  if (!bearable) throw damaged(name, 'it asks for more memory or time than any key of this program');
  return wrapped;
};

const wrappingKey = (
  kek: KeyEncryptionKey,
  wrapped: Pick<WrappedKeys, 'kek' | 'vaultId'>,
  salt: Uint8Array,
): Uint8Array => {
  const how = wrapped.kek;
  if (kek.kind !== how.kind) {
    throw new CodedError(
      'StoreKeyWrong',
      `The keys of vault ${wrapped.vaultId} are wrapped by a ${wordFor(how)}, not by a ${wordFor(kek)}.`,
      { recommendations: [keyToUse(wrapped)] },
    );
  }
  if (kek.kind === 'file') {
    if (kek.bytes.length === KEK_BYTES) return deriveKey(kek.bytes, salt, 'kek');
    throw new CodedError(
      'InvalidParameter',
      `A key file holds ${KEK_BYTES} bytes; this one holds ${kek.bytes.length}.`,
      {
        target: 'kek',
      },
    );
  }
  if (kek.passphrase.length === 0)
    throw new CodedError('InvalidParameter', 'The passphrase is empty.', { target: 'kek' });
  const { memoryKiB, passes, parallelism } = how as Argon2;
  return argon2Sync('argon2id', {
    message: Buffer.from(kek.passphrase.normalize('NFC')),
    nonce: salt,
    memory: memoryKiB,
    passes,
    parallelism,
    tagLength: 32,
  });
};

const labelOf = (head: Head): Uint8Array => Buffer.from(canonicalJson(head));

const keyToUse = ({ kek, vaultId }: Pick<WrappedKeys, 'kek' | 'vaultId'>): string =>
  kek.kind === 'file'
    ? `Use the vault's key-encryption key: the file keys/${vaultId}.key of the data folder, or your copy of it.`
    : `Use the passphrase that vault ${vaultId} was made with or last changed to.`;

const wordFor = (kek: { readonly kind: 'file' | 'passphrase' }): string =>
  kek.kind === 'file' ? 'key file' : 'passphrase';

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
