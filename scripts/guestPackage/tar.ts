/** One file or folder of an archive; folders end with '/'. */
export interface ArchiveEntry {
  readonly path: string;
  readonly mode: number;
  readonly bytes: Uint8Array;
}

const BLOCK = 512;

/** A tar archive (ustar) of root's files, alike in every byte whenever it is made. */
export const tar = (entries: readonly ArchiveEntry[]): Uint8Array =>
  Buffer.concat([...entries.flatMap((entry) => [header(entry), padded(entry.bytes)]), Buffer.alloc(2 * BLOCK)]);

const header = ({ path, mode, bytes }: ArchiveEntry): Uint8Array => {
  if (path.length > 99) throw new Error(`${path} is too long for a tar header`);
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, digits: number) => value.toString(8).padStart(digits, '0');
  block.write(path, 0);
  block.write(octal(mode, 7), 100);
  block.write(octal(0, 7), 108);
  block.write(octal(0, 7), 116);
  block.write(octal(bytes.length, 11), 124);
  block.write(octal(0, 11), 136);
  block.write(' '.repeat(8), 148);
  block.write(path.endsWith('/') ? '5' : '0', 156);
  block.write('ustar\x0000', 257);
  block.write('root', 265);
  block.write('root', 297);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${octal(sum, 6)}\0 `, 148);
  return block;
};

const padded = (bytes: Uint8Array): Uint8Array =>
  Buffer.concat([bytes, Buffer.alloc((BLOCK - (bytes.length % BLOCK)) % BLOCK)]);
