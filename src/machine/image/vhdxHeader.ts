import { type HeaderReader, HeaderView, headerUnsupported, startsWith } from './header.ts';

const FILE_COOKIE = 'vhdxfile';
const KIB = 1024;
const MIB = 1024 * KIB;
const HEADER_OFFSETS = [64 * KIB, 128 * KIB];
const HEADER_BYTES = 4 * KIB;
const REGION_TABLE_OFFSET = 192 * KIB;
const TABLE_BYTES = 64 * KIB;
const MAX_ENTRIES = 2047;
const NO_LOG = '00000000-0000-0000-0000-000000000000';
const REGION_BAT = '2dc27766-f623-4200-9d64-115e9bfd4a08';
const REGION_METADATA = '8b7ca206-4790-4b9a-b8fe-575f050f886e';
const ITEM_FILE_PARAMETERS = 'caa16737-fa36-4d43-b3b6-33f0aa44e76b';
const ITEM_DISK_SIZE = '2fa54224-cd1b-4876-b211-5dbed83bf4b8';
const HAS_PARENT = 2;

export const isVhdx = ({ head }: HeaderReader): boolean => startsWith(head, FILE_COOKIE);

/** Virtual size of a VHDX that stands alone and was closed cleanly: [MS-VHDX] 2.2 to 2.6. */
export const readVhdx = async (reader: HeaderReader): Promise<number> => {
  const head = new HeaderView(reader.path, reader.head, true);
  if (!isVhdx(reader)) throw head.invalid('signature', 'must be "vhdxfile" for a VHDX image');
  await checkLog(reader);
  const metadata = await findMetadata(reader);
  const items = await readItems(reader, metadata);
  const parameters = await itemView(reader, metadata, items, ITEM_FILE_PARAMETERS, 8, 'file parameters');
  const blockBytes = parameters.u32(0, 'block_size');
  if (blockBytes < MIB || blockBytes > 256 * MIB || (blockBytes & (blockBytes - 1)) !== 0)
    throw parameters.invalid('block_size', `must be a power of two from 1 MiB to 256 MiB, not ${blockBytes}`);
  if (parameters.u32(4, 'has_parent') & HAS_PARENT)
    throw headerUnsupported(
      reader.path,
      'has_parent',
      'is set: the image needs its parent',
      'Merge the disk into its parent first.',
    );
  const size = await itemView(reader, metadata, items, ITEM_DISK_SIZE, 8, 'virtual disk size');
  return Number(size.u64(0, 'virtual_disk_size'));
};

const checkLog = async (reader: HeaderReader): Promise<void> => {
  let newest: { readonly sequence: bigint; readonly log: string } | undefined;
  for (const offset of HEADER_OFFSETS) {
    const bytes = await reader.read(offset, HEADER_BYTES);
    if (!startsWith(bytes, 'head')) continue;
    const view = new HeaderView(reader.path, bytes, true);
    const sequence = view.u64(8, 'sequence_number');
    if (!newest || sequence > newest.sequence) newest = { sequence, log: guid(view, 48, 'log_guid') };
  }
  if (!newest)
    throw new HeaderView(reader.path, reader.head, true).invalid(
      'header signature',
      'must be "head" at 64 KiB or 128 KiB',
    );
  if (newest.log !== NO_LOG)
    throw headerUnsupported(
      reader.path,
      'log_guid',
      'tells of an unfinished log: the disk was not closed cleanly',
      'Attach and detach the disk once on the machine it comes from.',
    );
};

interface Place {
  readonly offset: number;
  readonly lengthBytes: number;
}

const findMetadata = async (reader: HeaderReader): Promise<Place> => {
  const bytes = await reader.read(REGION_TABLE_OFFSET, TABLE_BYTES);
  const view = new HeaderView(reader.path, bytes, true);
  if (!startsWith(bytes, 'regi')) throw view.invalid('region table signature', 'must be "regi"');
  const count = view.u32(8, 'region entry_count');
  if (count > MAX_ENTRIES) throw view.invalid('region entry_count', `must not exceed ${MAX_ENTRIES}, not ${count}`);
  let metadata: Place | undefined;
  for (let at = 16; at < 16 + count * 32; at += 32) {
    const kind = guid(view, at, 'region guid');
    if (kind === REGION_METADATA)
      metadata = {
        offset: Number(view.u64(at + 16, 'region offset')),
        lengthBytes: view.u32(at + 24, 'region length'),
      };
    else if (kind !== REGION_BAT && view.u32(at + 28, 'region required') & 1)
      throw headerUnsupported(
        reader.path,
        'region guid',
        `${kind} is required and unknown`,
        'Convert the disk with Convert-VHD.',
      );
  }
  if (!metadata || metadata.offset < MIB || metadata.offset + TABLE_BYTES > reader.fileBytes)
    throw view.invalid('metadata region', 'must be there and lie in the file');
  return metadata;
};

const readItems = async (reader: HeaderReader, metadata: Place): Promise<ReadonlyMap<string, Place>> => {
  const bytes = await reader.read(metadata.offset, TABLE_BYTES);
  const view = new HeaderView(reader.path, bytes, true);
  if (!startsWith(bytes, 'metadata')) throw view.invalid('metadata signature', 'must be "metadata"');
  const count = view.u16(10, 'metadata entry_count');
  if (count > MAX_ENTRIES) throw view.invalid('metadata entry_count', `must not exceed ${MAX_ENTRIES}, not ${count}`);
  const items = new Map<string, Place>();
  for (let at = 32; at < 32 + count * 32; at += 32)
    items.set(guid(view, at, 'item guid'), {
      offset: view.u32(at + 16, 'item offset'),
      lengthBytes: view.u32(at + 20, 'item length'),
    });
  return items;
};

const itemView = async (
  reader: HeaderReader,
  metadata: Place,
  items: ReadonlyMap<string, Place>,
  id: string,
  lengthBytes: number,
  field: string,
): Promise<HeaderView> => {
  const item = items.get(id);
  const missing = new HeaderView(reader.path, new Uint8Array(), true);
  if (
    !item ||
    item.lengthBytes < lengthBytes ||
    item.offset < TABLE_BYTES ||
    item.offset + lengthBytes > metadata.lengthBytes
  )
    throw missing.invalid(field, 'must be there and lie in the metadata region');
  return new HeaderView(reader.path, await reader.read(metadata.offset + item.offset, lengthBytes), true);
};

/** A GUID as it is written: its first three groups stand little-endian. */
const guid = (view: HeaderView, at: number, field: string): string => {
  const hex = (value: number, digits: number) => value.toString(16).padStart(digits, '0');
  const tail = Buffer.from(view.text(at + 8, 8, field), 'latin1').toString('hex');
  return `${hex(view.u32(at, field), 8)}-${hex(view.u16(at + 4, field), 4)}-${hex(view.u16(at + 6, field), 4)}-${tail.slice(0, 4)}-${tail.slice(4)}`;
};
