import { open } from 'node:fs/promises';

const COPY_BYTES = 1 << 20;

/** Writes ranges of files one after the other into a file. */
export async function joinParts(
  target: string,
  parts: readonly { readonly path: string; readonly offset: number; readonly sizeBytes: number }[],
): Promise<void> {
  await using output = await open(target, 'r+');
  const buffer = new Uint8Array(COPY_BYTES);
  let at = 0;
  for (const part of parts) {
    await using input = await open(part.path, 'r');
    for (let done = 0; done < part.sizeBytes; ) {
      const wanted = Math.min(COPY_BYTES, part.sizeBytes - done);
      const { bytesRead } = await input.read(buffer, 0, wanted, part.offset + done);
      if (bytesRead === 0) throw new Error(`${part.path} is shorter than its block`);
      await output.write(buffer, 0, bytesRead, at);
      done += bytesRead;
      at += bytesRead;
    }
  }
}
