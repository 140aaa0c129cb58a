import { CodedError } from '../../lib/error.ts';

/** What a header's parser may see of an image. */
export interface HeaderReader {
  readonly path: string;
  readonly fileBytes: number;
  /** The first 64 KiB. */
  readonly head: Uint8Array;
  /** The last 512 bytes. */
  readonly tail: Uint8Array;
  /** At most 64 KiB; shorter at the end of the file. */
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** The largest disk of VHDX, and of any host here. */
export const MAX_DISK_BYTES = 64 * 2 ** 40;

/** Fixed-size fields of a header; reading past the end is a fault of the image, not of the caller. */
export class HeaderView {
  readonly #view: DataView;
  readonly #path: string;
  readonly #littleEndian: boolean;

  constructor(path: string, bytes: Uint8Array, littleEndian: boolean) {
    this.#path = path;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#littleEndian = littleEndian;
  }

  u16(offset: number, field: string): number {
    return this.#checked(offset, 2, field).getUint16(offset, this.#littleEndian);
  }

  u32(offset: number, field: string): number {
    return this.#checked(offset, 4, field).getUint32(offset, this.#littleEndian);
  }

  u64(offset: number, field: string): bigint {
    return this.#checked(offset, 8, field).getBigUint64(offset, this.#littleEndian);
  }

  text(offset: number, length: number, field: string): string {
    const view = this.#checked(offset, length, field);
    return Buffer.from(view.buffer, view.byteOffset + offset, length).toString('latin1');
  }

  invalid(field: string, rule: string): CodedError {
    return headerInvalid(this.#path, field, rule);
  }

  #checked(offset: number, length: number, field: string): DataView {
    if (offset + length > this.#view.byteLength)
      throw headerInvalid(this.#path, field, 'lies beyond the end of the file');
    return this.#view;
  }
}

const headerInvalid = (path: string, field: string, rule: string): CodedError =>
  new CodedError('ImageHeaderInvalid', `${path}: ${field} ${rule}`, { target: field });

export const headerUnsupported = (path: string, field: string, rule: string, recommendation: string): CodedError =>
  new CodedError('ImageFormatUnsupported', `${path}: ${field} ${rule}`, {
    target: field,
    recommendations: [recommendation],
  });

export const startsWith = (bytes: Uint8Array, text: string): boolean =>
  Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, text.length)).toString('latin1') === text;
