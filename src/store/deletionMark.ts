import { canonicalJson } from '../lib/canonicalJson.ts';
import type { Backend } from './backend.ts';
import { gcName } from './format/names.ts';

export interface DeletionMark {
  readonly vaultId: string;
  /** Counts a vault's deletions from 1. */
  readonly gcSeq: number;
  /** Random, of the database that decided the deletion. */
  readonly token: string;
}

/**
 * Puts `gc/<gcSeq>`, after which objects may be deleted. True: it is there, now or since an earlier try. False: another
 * database put one of this number. Errors: StoreFull, StoreIoFailed.
 */
export const putDeletionMark = async (backend: Backend, mark: DeletionMark): Promise<boolean> => {
  const bytes = deletionMarkBytes(mark);
  const name = gcName(mark.gcSeq);
  if ((await backend.put(name, bytes)) === 'created') return true;
  return Buffer.compare(await backend.get(name), bytes) === 0;
};

export const deletionMarkBytes = ({ vaultId, gcSeq, token }: DeletionMark): Uint8Array =>
  Buffer.from(canonicalJson({ format: 'strongroom deletion', version: 1, vaultId, number: gcSeq, token }));
