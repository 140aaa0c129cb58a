import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { S3User } from '../servers/ceph.ts';

const GUIDE = join(import.meta.dirname, '../../docs/storage-places.md');

/** The bucket policy of the guide, for these users and this bucket; `more` is a further right of the reaper. */
export const readPolicy = async (bucket: string, worker: S3User, reaper: S3User, more?: string): Promise<string> => {
  const [, policy] = /^```json\n(\{\n {2}"Version".*?)^```/ms.exec(await readFile(GUIDE, 'utf8')) ?? [];
  if (policy === undefined) throw new Error(`${GUIDE} shows no bucket policy`);
  const filled = policy.replaceAll('WORKER', worker.arn).replaceAll('REAPER', reaper.arn).replaceAll('BUCKET', bucket);
  return more === undefined ? filled : filled.replace('"s3:DeleteObject",', `"s3:DeleteObject", "${more}",`);
};
