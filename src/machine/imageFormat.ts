import { type FileHandle, open } from 'node:fs/promises';
import { CodedError, isSystemError } from '../lib/error.ts';
import { type HeaderReader, MAX_DISK_BYTES } from './image/header.ts';
import { isQcow2, readQcow2 } from './image/qcow2Header.ts';
import { isVhd, readVhd } from './image/vhdHeader.ts';
import { isVhdx, readVhdx } from './image/vhdxHeader.ts';
import { isVmdk, readVmdk } from './image/vmdkHeader.ts';
import type { DiskFormat } from './machine.ts';

/** What an image's header says, checked: nothing in it makes a tool open another file. */
export interface ImageHeader {
  readonly format: DiskFormat;
  /** Virtual size. */
  readonly sizeBytes: number;
  /** The bytes of the disk stand in the file as they are, from its start: raw, and a fixed VHD. */
  readonly flat: boolean;
}

const HEAD_BYTES = 64 * 1024;
const TAIL_BYTES = 512;

/**
 * Reads an image's format and size from its header, 64 KiB at a time at most; no tool is asked and no other file
 * is opened. With `expected` the header must be of that format; `raw` is then taken by word, whatever the first
 * bytes look like, because a guest writes them.
 * Errors: ImageHeaderInvalid, ImageFormatUnsupported; both name the header's field.
 */
export const readImageHeader = async (path: string, expected?: DiskFormat): Promise<ImageHeader> => {
  await using file = await openImage(path);
  const { size: fileBytes } = await file.stat();
  const reader: HeaderReader = {
    path,
    fileBytes,
    head: await readAt(file, 0, Math.min(HEAD_BYTES, fileBytes)),
    tail: await readAt(file, Math.max(0, fileBytes - TAIL_BYTES), Math.min(TAIL_BYTES, fileBytes)),
    read: (offset, length) => readAt(file, offset, Math.min(length, HEAD_BYTES, Math.max(0, fileBytes - offset))),
  };
  const format = expected ?? formatOf(reader);
  const header = await PARSERS[format](reader);
  if (header.sizeBytes > 0 && header.sizeBytes <= MAX_DISK_BYTES) return header;
  throw new CodedError(
    'ImageHeaderInvalid',
    `${path}: the virtual size must be from 1 byte to ${MAX_DISK_BYTES} (64 TiB), not ${header.sizeBytes}`,
    { target: 'size' },
  );
};

const PARSERS: Readonly<Record<DiskFormat, (reader: HeaderReader) => Promise<ImageHeader>>> = {
  raw: async ({ fileBytes }) => ({ format: 'raw', sizeBytes: fileBytes, flat: true }),
  qcow2: async (reader) => ({ format: 'qcow2', sizeBytes: readQcow2(reader), flat: false }),
  vhd: async (reader) => ({ format: 'vhd', ...(await readVhd(reader)) }),
  vhdx: async (reader) => ({ format: 'vhdx', sizeBytes: await readVhdx(reader), flat: false }),
  vmdk: async (reader) => ({ format: 'vmdk', sizeBytes: await readVmdk(reader), flat: false }),
};

const formatOf = (reader: HeaderReader): DiskFormat => {
  if (isQcow2(reader)) return 'qcow2';
  if (isVhdx(reader)) return 'vhdx';
  if (isVmdk(reader)) return 'vmdk';
  if (isVhd(reader)) return 'vhd';
  return 'raw';
};

const openImage = async (path: string): Promise<FileHandle> => {
  try {
    const file = await open(path, 'r');
    if ((await file.stat()).isFile()) return file;
    await file.close();
  } catch (cause) {
    if (isSystemError(cause, 'ENOENT'))
      throw new CodedError('ImageHeaderInvalid', `${path}: there is no such file`, { target: 'path', cause });
    throw new CodedError(
      'ImageHeaderInvalid',
      `${path}: cannot be opened (${cause instanceof Error ? cause.message : cause})`,
      { target: 'path', cause },
    );
  }
  throw new CodedError('ImageHeaderInvalid', `${path}: must be a regular file`, { target: 'path' });
};

const readAt = async (file: FileHandle, offset: number, length: number): Promise<Uint8Array> => {
  const bytes = new Uint8Array(length);
  const { bytesRead } = await file.read(bytes, 0, length, offset);
  return bytes.subarray(0, bytesRead);
};
