import type { Extent } from '../lib/extent.ts';

/** What a server exports: the bytes of one disk, read-only. */
export interface NbdExport {
  /** Bytes; constant while it is served. */
  readonly sizeBytes: number;
  /** Exactly `length` bytes from `offset`; an error becomes an I/O error of the client. */
  read(offset: number, length: number): Promise<Uint8Array>;
  /** Data and zero ranges over at least the first byte of the range, ascending and gapless from `offset`. */
  extents(offset: number, length: number): Promise<readonly Extent[]>;
}

export interface NbdServerOptions {
  /** Made with mode 0600; nobody may have it yet. */
  readonly socketPath: string;
  /** By name; read again at every negotiation, so exports may come and go. '' is the default export. */
  readonly exports: ReadonlyMap<string, NbdExport>;
  /** Told of an export's failed read, once each. */
  readonly onReadError?: (exportName: string, error: unknown) => void;
}
