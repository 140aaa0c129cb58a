import { randomUUID } from 'node:crypto';
import { open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { syncPath } from '../../lib/durableFile.ts';
import type { Blob, BlobCheck, BlobDetails, BlobDraft, BlobPart, BlobPlace } from '../blob.ts';

/** How a draft gets into the index. */
export interface DraftKeeper {
  commit(
    draft: { readonly file: string; readonly sizeBytes: number },
    place: BlobPlace,
    details: BlobDetails,
    check: BlobCheck | undefined,
  ): Promise<Blob>;
  commitBlock(file: string, place: BlobPlace, part: BlobPart): Promise<void>;
}

/** Disposed uncommitted, the file goes; after the power was cut, the next start removes it. */
export async function createDraft(folder: string, sizeBytes: number, keeper: DraftKeeper): Promise<BlobDraft> {
  const file = randomUUID();
  const path = join(folder, file);
  {
    await using handle = await open(path, 'wx', 0o600);
    await handle.truncate(sizeBytes);
  }
  let kept = false;
  const makeDurable = async (): Promise<number> => {
    await syncPath(path);
    await syncPath(folder);
    return (await stat(path)).size;
  };
  return {
    path,
    file,
    commit: async (place, details, check) => {
      const blob = await keeper.commit({ file, sizeBytes: await makeDurable() }, place, details, check);
      kept = true;
      return blob;
    },
    commitBlock: async (place, id) => {
      await keeper.commitBlock(file, place, { id, sizeBytes: await makeDurable() });
      kept = true;
    },
    [Symbol.asyncDispose]: async () => {
      if (!kept) await rm(path, { force: true });
    },
  };
}
