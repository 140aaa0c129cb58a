import type { FileHandle } from 'node:fs/promises';

interface Range {
  readonly start: number;
  /** Inclusive. */
  readonly end: number;
}

const CELL_BYTES = 64 * 1024;
const READ_BYTES = 4 * 2 ** 20;
const ZEROS = new Uint8Array(CELL_BYTES);
const MAX_RANGES = 10_000;
/** What is read to find out; beyond, all counts as written. */
const MAX_SCAN_BYTES = 64 * 2 ** 30;

/** Where between `from` and `to` (exclusive) bytes other than zero lie, in cells of 64 KiB; never less than there is. */
export async function dataRanges(file: FileHandle, from: number, to: number): Promise<readonly Range[]> {
  const ranges: Range[] = [];
  const buffer = Buffer.alloc(READ_BYTES);
  for (let at = from; at < to; ) {
    if (ranges.length >= MAX_RANGES || at - from >= MAX_SCAN_BYTES) {
      add(ranges, at, to - 1);
      break;
    }
    const wanted = Math.min(READ_BYTES - (at % CELL_BYTES), to - at);
    const { bytesRead } = await file.read(buffer, 0, wanted, at);
    if (bytesRead === 0) break;
    for (let offset = 0; offset < bytesRead; ) {
      const length = Math.min(CELL_BYTES - ((at + offset) % CELL_BYTES), bytesRead - offset);
      if (buffer.compare(ZEROS, 0, length, offset, offset + length) !== 0)
        add(ranges, at + offset, at + offset + length - 1);
      offset += length;
    }
    at += bytesRead;
  }
  return ranges;
}

function add(ranges: Range[], start: number, end: number): void {
  const last = ranges.at(-1);
  if (last && last.end + 1 === start) ranges[ranges.length - 1] = { start: last.start, end };
  else ranges.push({ start, end });
}
