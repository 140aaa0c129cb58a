import type { Blob, BlobListing, BlobListRequest } from '../blob.ts';

/** Greater than every name that begins with what stands before it, as SQLite compares text. */
const BEYOND = '\u{10ffff}';

/** One page, prefixes folded at the delimiter. `read` gives blobs from a name on, in order. */
export function listBlobs(
  request: BlobListRequest,
  read: (from: string, limit: number) => readonly Blob[],
): BlobListing {
  const { prefix, delimiter = '', limit } = request;
  const entries: (Blob | { readonly prefix: string })[] = [];
  let from = later(request.from ?? '', prefix);
  for (;;) {
    const rows = read(from, limit + 1 - entries.length);
    let jumped = false;
    for (const blob of rows) {
      if (!blob.name.startsWith(prefix)) return { entries };
      if (entries.length === limit) return { entries, next: blob.name };
      const folded = foldedPrefix(blob.name, prefix, delimiter);
      entries.push(folded === undefined ? blob : { prefix: folded });
      if (folded === undefined) continue;
      from = folded + BEYOND;
      jumped = true;
      break;
    }
    if (!jumped) return { entries };
  }
}

function foldedPrefix(name: string, prefix: string, delimiter: string): string | undefined {
  const at = delimiter === '' ? -1 : name.indexOf(delimiter, prefix.length);
  return at === -1 ? undefined : name.slice(0, at + delimiter.length);
}

const later = (a: string, b: string): string => (Buffer.compare(Buffer.from(a), Buffer.from(b)) > 0 ? a : b);
