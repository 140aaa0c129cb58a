import { type HeaderReader, HeaderView, headerUnsupported, MAX_DISK_BYTES, startsWith } from './header.ts';

const MAGIC = 'QFI\xfb';
const VERSION_2_HEADER_BYTES = 72;
const VERSION_3_HEADER_BYTES = 104;
const MAX_L1_BYTES = 32 * 2 ** 20;
const MAX_REFCOUNT_TABLE_BYTES = 8 * 2 ** 20;
const MAX_SNAPSHOTS = 65536;
/** Incompatible features that a reader must know: bits 0 dirty, 1 corrupt, 2 external data file, 3 compression type, 4 extended L2. */
const CORRUPT = 1n << 1n;
const EXTERNAL_DATA_FILE = 1n << 2n;
const KNOWN_FEATURES = 0b11111n;
const EXTENSION_END = 0;
const EXTENSION_DATA_FILE = 0x44415441;

export const isQcow2 = ({ head }: HeaderReader): boolean => startsWith(head, MAGIC);

/** Virtual size of a qcow2 image that stands alone: docs/interop/qcow2.txt of QEMU. */
export const readQcow2 = (reader: HeaderReader): number => {
  const view = new HeaderView(reader.path, reader.head, false);
  if (!isQcow2(reader)) throw view.invalid('magic', 'must be "QFI\\xfb" for a qcow2 image');
  const version = view.u32(4, 'version');
  if (version !== 2 && version !== 3) throw view.invalid('version', `must be 2 or 3, not ${version}`);
  const headerBytes = checkFeatures(reader, view, version);
  checkStandsAlone(reader, view);
  const clusterBits = view.u32(20, 'cluster_bits');
  if (clusterBits < 9 || clusterBits > 21)
    throw view.invalid('cluster_bits', `must be from 9 to 21, not ${clusterBits}`);
  const clusterBytes = 2 ** clusterBits;
  if (headerBytes > clusterBytes)
    throw view.invalid('header_length', `must not exceed a cluster of ${clusterBytes} bytes, not ${headerBytes}`);
  const sizeBytes = Number(view.u64(24, 'size'));
  if (sizeBytes > MAX_DISK_BYTES)
    throw view.invalid('size', `must not exceed ${MAX_DISK_BYTES} (64 TiB), not ${sizeBytes}`);
  checkTables(reader, view, { clusterBytes, sizeBytes, version });
  checkExtensions(reader, view, Math.min(headerBytes, clusterBytes), clusterBytes);
  return sizeBytes;
};

const checkFeatures = (reader: HeaderReader, view: HeaderView, version: number): number => {
  if (version === 2) return VERSION_2_HEADER_BYTES;
  const features = view.u64(72, 'incompatible_features');
  const headerBytes = view.u32(100, 'header_length');
  if (headerBytes < VERSION_3_HEADER_BYTES || headerBytes % 8 !== 0)
    throw view.invalid(
      'header_length',
      `must be a multiple of 8, at least ${VERSION_3_HEADER_BYTES}, not ${headerBytes}`,
    );
  if (features & CORRUPT)
    throw view.invalid('incompatible_features', 'marks the image as corrupt; repair a copy with qemu-img check');
  if (features & EXTERNAL_DATA_FILE)
    throw headerUnsupported(
      reader.path,
      'incompatible_features',
      'names an external data file; the image must hold its own data',
      CONVERT,
    );
  if (features & ~KNOWN_FEATURES)
    throw headerUnsupported(
      reader.path,
      'incompatible_features',
      `has unknown bits 0x${(features & ~KNOWN_FEATURES).toString(16)}; known are bits 0 to 4`,
      CONVERT,
    );
  const refcountOrder = view.u32(96, 'refcount_order');
  if (refcountOrder > 6) throw view.invalid('refcount_order', `must be from 0 to 6, not ${refcountOrder}`);
  return headerBytes;
};

const CONVERT = 'Convert the image with `qemu-img convert -O qcow2` on the machine it comes from.';

const checkStandsAlone = (reader: HeaderReader, view: HeaderView): void => {
  if (view.u64(8, 'backing_file_offset') !== 0n || view.u32(16, 'backing_file_size') !== 0)
    throw headerUnsupported(
      reader.path,
      'backing_file_offset',
      'names a backing file; the image must stand alone',
      CONVERT,
    );
  const crypt = view.u32(32, 'crypt_method');
  if (crypt !== 0)
    throw headerUnsupported(reader.path, 'crypt_method', `must be 0 (not encrypted), not ${crypt}`, CONVERT);
};

const checkTables = (
  reader: HeaderReader,
  view: HeaderView,
  { clusterBytes, sizeBytes, version }: { clusterBytes: number; sizeBytes: number; version: number },
): void => {
  const entryBytes = version === 3 && view.u64(72, 'incompatible_features') & (1n << 4n) ? 16 : 8;
  const bytesPerEntry = (clusterBytes / entryBytes) * clusterBytes;
  const entries = view.u32(36, 'l1_size');
  const most = MAX_L1_BYTES / 8;
  if (entries > most) throw view.invalid('l1_size', `must not exceed ${most} entries, not ${entries}`);
  if (entries < Math.ceil(sizeBytes / bytesPerEntry))
    throw view.invalid(
      'l1_size',
      `must be at least ${Math.ceil(sizeBytes / bytesPerEntry)} for a disk of ${sizeBytes} bytes, not ${entries}`,
    );
  checkPlace(reader, view, 'l1_table_offset', 40, entries * 8, clusterBytes);
  const tableClusters = view.u32(56, 'refcount_table_clusters');
  if (tableClusters < 1 || tableClusters * clusterBytes > MAX_REFCOUNT_TABLE_BYTES)
    throw view.invalid(
      'refcount_table_clusters',
      `must be from 1 to ${MAX_REFCOUNT_TABLE_BYTES / clusterBytes}, not ${tableClusters}`,
    );
  checkPlace(reader, view, 'refcount_table_offset', 48, 8, clusterBytes);
  const snapshots = view.u32(60, 'nb_snapshots');
  if (snapshots > MAX_SNAPSHOTS)
    throw view.invalid('nb_snapshots', `must not exceed ${MAX_SNAPSHOTS}, not ${snapshots}`);
  if (snapshots > 0) checkPlace(reader, view, 'snapshots_offset', 64, 40, clusterBytes);
};

const checkPlace = (
  reader: HeaderReader,
  view: HeaderView,
  field: string,
  at: number,
  lengthBytes: number,
  clusterBytes: number,
): void => {
  const offset = Number(view.u64(at, field));
  if (lengthBytes === 0) return;
  if (offset % clusterBytes !== 0 || offset === 0)
    throw view.invalid(field, `must be a multiple of the cluster size ${clusterBytes} and not 0, not ${offset}`);
  if (offset + lengthBytes > reader.fileBytes)
    throw view.invalid(field, `must lie in the file of ${reader.fileBytes} bytes, not at ${offset}`);
};

const checkExtensions = (reader: HeaderReader, view: HeaderView, start: number, clusterBytes: number): void => {
  const end = Math.min(clusterBytes, reader.head.length);
  for (let at = start; at + 8 <= end; ) {
    const type = view.u32(at, 'header extension');
    const lengthBytes = view.u32(at + 4, 'header extension length');
    if (type === EXTENSION_END) return;
    if (type === EXTENSION_DATA_FILE)
      throw headerUnsupported(
        reader.path,
        'header extension',
        'names an external data file; the image must hold its own data',
        CONVERT,
      );
    if (at + 8 + lengthBytes > end)
      throw view.invalid('header extension length', `must end in the first cluster, not after ${lengthBytes} bytes`);
    at += 8 + Math.ceil(lengthBytes / 8) * 8;
  }
};
