/** Opens a vault's keys. Whoever holds it and the store holds the vault. */
export type KeyEncryptionKey =
  | { readonly kind: 'file' /** 32 random bytes. */; readonly bytes: Uint8Array }
  | { readonly kind: 'passphrase'; readonly passphrase: string };

export interface StructGeneration {
  readonly generation: number;
  /** Seals what says where chunks are: directories, nodes of trees, commit objects. 32 bytes. */
  readonly structKey: Uint8Array;
}

/** What collecting and scrubbing need: where chunks lie, never what they hold. Structured-cloneable. */
export interface StructKeys {
  readonly vaultId: string;
  /** Oldest first. */
  readonly generations: readonly StructGeneration[];
  /** Names nodes of trees (derived from the id key; names no chunk). 32 bytes. */
  readonly nodeKey: Uint8Array;
}

export interface KeyGeneration extends StructGeneration {
  /** Seals chunks. 32 bytes. */
  readonly dataKey: Uint8Array;
}

/** What a transfer worker needs, and no more: it cannot sign a commit. Structured-cloneable. */
export interface WorkerKeys extends StructKeys {
  /** Oldest first; the last one seals what is new. */
  readonly generations: readonly KeyGeneration[];
  /** Names chunks; the same through all generations, so that they stay comparable. 32 bytes. */
  readonly idKey: Uint8Array;
}
