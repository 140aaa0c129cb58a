import { type HeaderReader, HeaderView, headerUnsupported, startsWith } from './header.ts';

const SPARSE_MAGIC = 'KDMV';
const DESCRIPTOR_START = '# Disk DescriptorFile';
const SECTOR_BYTES = 512;
const MAX_DESCRIPTOR_BYTES = 64 * 1024;
const NO_PARENT = 'ffffffff';
const CONVERT = 'Convert the disk to one file: `qemu-img convert -O vmdk -o subformat=monolithicSparse`.';

export const isVmdk = ({ head }: HeaderReader): boolean =>
  startsWith(head, SPARSE_MAGIC) || startsWith(head, DESCRIPTOR_START) || startsWith(head, 'COWD');

/** Virtual size of a VMDK in one file (monolithicSparse, streamOptimized): "Virtual Disk Format 1.1" of VMware. */
export const readVmdk = async (reader: HeaderReader): Promise<number> => {
  const view = new HeaderView(reader.path, reader.head, true);
  if (startsWith(reader.head, DESCRIPTOR_START) || startsWith(reader.head, 'COWD'))
    throw headerUnsupported(
      reader.path,
      'magic',
      'is of a disk in several files; it must be "KDMV", one sparse file',
      CONVERT,
    );
  if (!startsWith(reader.head, SPARSE_MAGIC)) throw view.invalid('magic', 'must be "KDMV" for a VMDK image');
  const version = view.u32(4, 'version');
  if (version < 1 || version > 3) throw view.invalid('version', `must be from 1 to 3, not ${version}`);
  const capacity = view.u64(12, 'capacity');
  if (capacity === 0n || capacity > 2n ** 37n)
    throw view.invalid('capacity', `must be from 1 to ${2n ** 37n} sectors (64 TiB), not ${capacity}`);
  const grain = view.u64(20, 'grain_size');
  if (grain < 8n || grain > 2n ** 17n || (grain & (grain - 1n)) !== 0n)
    throw view.invalid('grain_size', `must be a power of two from 8 to ${2n ** 17n} sectors, not ${grain}`);
  const entries = view.u32(44, 'gtes_per_gt');
  if (entries !== 512) throw view.invalid('gtes_per_gt', `must be 512, not ${entries}`);
  await checkDescriptor(reader, view);
  return Number(capacity) * SECTOR_BYTES;
};

const checkDescriptor = async (reader: HeaderReader, view: HeaderView): Promise<void> => {
  const offset = Number(view.u64(28, 'descriptor_offset')) * SECTOR_BYTES;
  const lengthBytes = Number(view.u64(36, 'descriptor_size')) * SECTOR_BYTES;
  if (lengthBytes > MAX_DESCRIPTOR_BYTES)
    throw view.invalid('descriptor_size', `must not exceed ${MAX_DESCRIPTOR_BYTES / SECTOR_BYTES} sectors`);
  if (offset === 0 || offset + lengthBytes > reader.fileBytes)
    throw view.invalid('descriptor_offset', `must lie in the file, not at ${offset}`);
  const text = Buffer.from(await reader.read(offset, lengthBytes))
    .toString('latin1')
    .split('\0')[0]!;
  const parent = /^\s*parentCID\s*=\s*([0-9a-f]+)/im.exec(text)?.[1]?.toLowerCase();
  if ((parent !== undefined && parent !== NO_PARENT) || /^\s*parentFileNameHint/im.test(text))
    throw headerUnsupported(reader.path, 'parentCID', 'names a parent: the image must stand alone', CONVERT);
  const extents = text.match(/^\s*(?:RW|RDONLY|NOACCESS)\s+\d+\s+\S+.*$/gim) ?? [];
  const kind = /^\s*\S+\s+\d+\s+(\S+)/.exec(extents[0] ?? '')?.[1]?.toUpperCase();
  if (extents.length !== 1 || kind !== 'SPARSE')
    throw headerUnsupported(
      reader.path,
      'extents',
      `must be one of kind SPARSE in this file, not ${extents.length} of ${kind ?? 'none'}`,
      CONVERT,
    );
};
