import { randomBytes } from 'node:crypto';
import { CodedError } from '../../lib/error.ts';
import { damaged, deriveKey, openSealed, sealInto, TAG_BYTES } from './seal.ts';
import type { VaultKeys } from './vaultKeys.ts';

/** Which piece of which copy of the database it is: part of the label, so that pieces cannot be exchanged. */
export interface DatabasePiece {
  /** yyyymmddThhmmssZ. */
  readonly time: string;
  /** From 1; 0 for the piece that ends the copy. */
  readonly part: number;
}

/** Seals what only the control plane may read: its key comes from the master key, which no worker has. */
export interface DatabaseSeal {
  seal(piece: DatabasePiece, plain: Uint8Array): Uint8Array;
  /** Errors: StoreDataDamaged, StoreKeyWrong. */
  open(name: string, piece: DatabasePiece, bytes: Uint8Array): Uint8Array;
}

const MAGIC = 'SRMDBPC1';
const HEAD_BYTES = 8 + 4 + 32;
/** The salt gives every piece a key of its own, so its nonce may be fixed. */
const NONCE = new Uint8Array(12);

/** Layout in docs/store-format.md, "Copy of the database". */
export const databaseSeal = (keys: Pick<VaultKeys, 'vaultId' | 'generations'>): DatabaseSeal => ({
  seal(piece, plain) {
    const { generation, masterKey } = keys.generations.at(-1)!;
    const bytes = Buffer.alloc(HEAD_BYTES + plain.length + TAG_BYTES);
    bytes.write(MAGIC, 'latin1');
    bytes.writeUInt32LE(generation, 8);
    const salt = randomBytes(32);
    bytes.set(salt, 12);
    const label = labelOf(bytes.subarray(0, HEAD_BYTES), keys.vaultId, piece);
    sealInto(bytes, HEAD_BYTES, { key: pieceKey(masterKey, salt), nonce: NONCE, label }, plain);
    return bytes;
  },
  open(name, piece, bytes) {
    const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    if (view.length < HEAD_BYTES + TAG_BYTES || view.toString('latin1', 0, 8) !== MAGIC)
      throw damaged(name, 'it is no copy of a database');
    const generation = keys.generations.find((one) => one.generation === view.readUInt32LE(8));
    if (!generation)
      throw new CodedError('StoreKeyWrong', `This key set lacks the generation that sealed ${name}.`, { target: name });
    const plain = openSealed(view.subarray(HEAD_BYTES), {
      key: pieceKey(generation.masterKey, view.subarray(12, HEAD_BYTES)),
      nonce: NONCE,
      label: labelOf(view.subarray(0, HEAD_BYTES), keys.vaultId, piece),
    });
    if (!plain) throw damaged(name, 'its seal is broken');
    return plain;
  },
});

const pieceKey = (masterKey: Uint8Array, salt: Uint8Array): Uint8Array =>
  deriveKey(deriveKey(masterKey, new Uint8Array(0), 'database'), salt, 'database piece');

const labelOf = (head: Uint8Array, vaultId: string, { time, part }: DatabasePiece): Uint8Array =>
  Buffer.concat([head, Buffer.from(`${vaultId}\0${time}\0${part}`)]);
