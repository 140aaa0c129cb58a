import { createHash } from 'node:crypto';

/** Bytes of a fixed VHD's footer: the whole overhead of the format over the raw disk. */
export const VHD_FOOTER_BYTES = 512;

const EPOCH_MS = Date.UTC(2000, 0, 1);
const MAX_SECTORS = 65_535 * 16 * 255;

/**
 * The footer that makes a raw disk of `sizeBytes` (a multiple of 512) a fixed VHD; see the VHD image format
 * specification, "Hard Disk Footer Format". The disk's unique id follows from `name`.
 */
export function fixedVhdFooter(
  sizeBytes: number,
  options: { readonly name: string; readonly now: number },
): Uint8Array {
  const footer = new Uint8Array(VHD_FOOTER_BYTES);
  const view = new DataView(footer.buffer);
  const text = (at: number, word: string) => footer.set(new TextEncoder().encode(word), at);
  text(0, 'conectix');
  view.setUint32(8, 2); // features: reserved, always set
  view.setUint32(12, 0x0001_0000);
  view.setBigUint64(16, 0xffff_ffff_ffff_ffffn); // no dynamic header
  view.setUint32(24, Math.max(0, Math.floor((options.now - EPOCH_MS) / 1000)));
  text(28, 'strg');
  view.setUint32(32, 0x0001_0000);
  text(36, 'Wi2k');
  view.setBigUint64(40, BigInt(sizeBytes));
  view.setBigUint64(48, BigInt(sizeBytes));
  const { cylinders, heads, sectors } = geometry(Math.floor(sizeBytes / 512));
  view.setUint16(56, cylinders);
  view.setUint8(58, heads);
  view.setUint8(59, sectors);
  view.setUint32(60, 2); // fixed
  footer.set(createHash('sha256').update(options.name).digest().subarray(0, 16), 68);
  view.setUint32(64, ~footer.reduce((sum, byte) => sum + byte, 0) >>> 0);
  return footer;
}

/** The specification's appendix "CHS Calculation". */
function geometry(totalSectors: number): { cylinders: number; heads: number; sectors: number } {
  const total = Math.min(totalSectors, MAX_SECTORS);
  if (total >= 65_535 * 16 * 63) return { sectors: 255, heads: 16, cylinders: Math.floor(total / 255 / 16) };
  let [sectors, heads] = [17, Math.max(4, Math.ceil(Math.floor(total / 17) / 1024))];
  if (Math.floor(total / 17) >= heads * 1024 || heads > 16) [sectors, heads] = [31, 16];
  if (sectors === 31 && Math.floor(total / 31) >= heads * 1024) [sectors, heads] = [63, 16];
  return { sectors, heads, cylinders: Math.floor(total / sectors / heads) };
}
