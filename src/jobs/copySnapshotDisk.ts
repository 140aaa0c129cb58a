import { open } from 'node:fs/promises';
import type { SnapshotDisk } from '../machine/machine.ts';
import { targetFailed } from './transfer/restoreSession.ts';
import { openTransferSource } from './transfer/source.ts';

const READ_BYTES = 1 << 20;

/**
 * Copies a host's snapshot of a disk into a raw file that reads as zeros; durable when it resolves.
 * Errors: TargetWriteFailed, those of the source.
 */
export async function copySnapshotDisk(
  snapshot: SnapshotDisk,
  targetPath: string,
  options: { readonly signal?: AbortSignal; readonly onBytes?: (bytesDone: number) => void } = {},
): Promise<void> {
  await using source = await openTransferSource(snapshot.address, snapshot.sizeBytes, options.signal);
  await using target = await open(targetPath, 'r+');
  const { extents } = await snapshot.changedSince(undefined);
  for await (const extent of extents) {
    if (extent.kind === 'zero') continue;
    source.expect([extent]);
    const end = extent.offset + extent.length;
    for (let offset = extent.offset; offset < end; offset += READ_BYTES) {
      options.signal?.throwIfAborted();
      const length = Math.min(READ_BYTES, end - offset);
      const bytes = await source.read(offset, length);
      await target.write(bytes, 0, length, offset).catch((error: unknown) => {
        throw targetFailed(targetPath, error);
      });
      options.onBytes?.(offset + length);
    }
  }
  await target.sync();
}
