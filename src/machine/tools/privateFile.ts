import { open, rm } from 'node:fs/promises';

/** An empty file that only our user may read: a tool that then writes into it leaves its mode as it is. */
export const createPrivateFile = async (path: string): Promise<void> => {
  await rm(path, { force: true });
  await using _ = await open(path, 'wx', 0o600);
};
