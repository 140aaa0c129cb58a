import { isCoded } from '../../lib/error.ts';
import type { Extent } from '../../lib/extent.ts';
import { runTool } from '../tools/runTool.ts';

interface MapEntry {
  readonly start: number;
  readonly length: number;
  readonly data: boolean;
  readonly zero: boolean;
}

/** The allocated ranges of a file of bytes. Without QEMU's tools all of it: zeros are then found by their content. */
export const fileExtents = async (path: string, sizeBytes: number): Promise<AsyncIterable<Extent>> => {
  try {
    const args = [
      'map',
      '--output=json',
      '--image-opts',
      `driver=raw,file.driver=file,file.filename=${path.replaceAll(',', ',,')}`,
    ];
    return cut(JSON.parse(await runTool('qemu-img', args, { failure: 'SnapshotFailed' })) as MapEntry[], sizeBytes);
  } catch (error) {
    if (!isCoded(error)) throw error;
    return cut([{ start: 0, length: sizeBytes, data: true, zero: false }], sizeBytes);
  }
};

async function* cut(entries: readonly MapEntry[], sizeBytes: number): AsyncGenerator<Extent> {
  for (const { start, length, data, zero } of entries) {
    const end = Math.min(start + length, sizeBytes);
    if (data && !zero && end > start) yield { offset: start, length: end - start, kind: 'data' };
  }
}
