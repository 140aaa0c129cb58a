import { type HeaderReader, HeaderView, headerUnsupported, startsWith } from './header.ts';

const COOKIE = 'conectix';
const DYNAMIC_COOKIE = 'cxsparse';
const FOOTER_BYTES = 512;
const DYNAMIC_HEADER_BYTES = 1024;
const FIXED = 2;
const DYNAMIC = 3;
const DIFFERENCING = 4;

/** A VHD is known by its footer: a fixed one begins with the guest's own bytes. */
export const isVhd = ({ tail }: HeaderReader): boolean => tail.length === FOOTER_BYTES && startsWith(tail, COOKIE);

/** Size of a VHD and whether it is fixed; after the "Virtual Hard Disk Image Format Specification" 1.0. */
export const readVhd = async (reader: HeaderReader): Promise<{ sizeBytes: number; flat: boolean }> => {
  const view = new HeaderView(reader.path, reader.tail, false);
  if (!isVhd(reader)) throw view.invalid('cookie', 'must be "conectix" in the last 512 bytes of a VHD');
  if (checksum(reader.tail, 64) !== view.u32(64, 'checksum')) throw view.invalid('checksum', 'of the footer is wrong');
  const sizeBytes = Number(view.u64(48, 'current_size'));
  const type = view.u32(60, 'disk_type');
  if (type === FIXED) return { sizeBytes: fixedSize(reader, view, sizeBytes), flat: true };
  if (type === DYNAMIC) {
    await checkDynamic(reader, view, sizeBytes);
    return { sizeBytes, flat: false };
  }
  if (type === DIFFERENCING)
    throw headerUnsupported(
      reader.path,
      'disk_type',
      'is differencing: the image needs its parent',
      'Merge the disk into its parent first.',
    );
  throw view.invalid('disk_type', `must be ${FIXED} (fixed) or ${DYNAMIC} (dynamic), not ${type}`);
};

const fixedSize = (reader: HeaderReader, view: HeaderView, sizeBytes: number): number => {
  if (sizeBytes <= reader.fileBytes - FOOTER_BYTES) return sizeBytes;
  throw view.invalid(
    'current_size',
    `must not exceed the ${reader.fileBytes - FOOTER_BYTES} bytes before the footer, not ${sizeBytes}`,
  );
};

const checkDynamic = async (reader: HeaderReader, footer: HeaderView, sizeBytes: number): Promise<void> => {
  const offset = Number(footer.u64(16, 'data_offset'));
  if (offset > reader.fileBytes - DYNAMIC_HEADER_BYTES)
    throw footer.invalid('data_offset', `must lie in the file, not at ${offset}`);
  const bytes = await reader.read(offset, DYNAMIC_HEADER_BYTES);
  const view = new HeaderView(reader.path, bytes, false);
  if (!startsWith(bytes, DYNAMIC_COOKIE)) throw view.invalid('dynamic header cookie', 'must be "cxsparse"');
  if (checksum(bytes, 36) !== view.u32(36, 'dynamic header checksum'))
    throw view.invalid('dynamic header checksum', 'is wrong');
  const blockBytes = view.u32(32, 'block_size');
  if (blockBytes < 4096 || blockBytes > 256 * 2 ** 20 || (blockBytes & (blockBytes - 1)) !== 0)
    throw view.invalid('block_size', `must be a power of two from 4096 to 268435456, not ${blockBytes}`);
  const entries = view.u32(28, 'max_table_entries');
  const needed = Math.ceil(sizeBytes / blockBytes);
  if (entries < needed || entries > needed + 2 ** 20)
    throw view.invalid(
      'max_table_entries',
      `must be at least ${needed} for a disk of ${sizeBytes} bytes, not ${entries}`,
    );
  const table = Number(view.u64(16, 'table_offset'));
  if (table % 512 !== 0 || table + entries * 4 > reader.fileBytes)
    throw view.invalid('table_offset', `must be a multiple of 512 in the file, not ${table}`);
};

/** One's complement of the sum of all bytes but the four of the checksum itself. */
const checksum = (bytes: Uint8Array, at: number): number => {
  let sum = 0;
  for (let index = 0; index < bytes.length; index++) if (index < at || index >= at + 4) sum += bytes[index]!;
  return ~sum >>> 0;
};
