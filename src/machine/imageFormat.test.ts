import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { isCoded } from '../lib/error.ts';
import { readImageHeader } from './imageFormat.ts';
import type { DiskFormat } from './machine.ts';

const folder = mkdtempSync(join(tmpdir(), 'sr-format-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const SIZE = 5 << 20;

/** A small qcow2 as the specification has it: version 3, clusters of 64 KiB, tables at clusters 1 and 3. */
const qcow2 = (): Buffer => {
  const bytes = Buffer.alloc(4 * 65536);
  bytes.write('QFI\xfb', 'latin1');
  bytes.writeUInt32BE(3, 4);
  bytes.writeUInt32BE(16, 20);
  bytes.writeBigUInt64BE(BigInt(SIZE), 24);
  bytes.writeUInt32BE(1, 36);
  bytes.writeBigUInt64BE(3n * 65536n, 40);
  bytes.writeBigUInt64BE(65536n, 48);
  bytes.writeUInt32BE(1, 56);
  bytes.writeUInt32BE(4, 96);
  bytes.writeUInt32BE(104, 100);
  return bytes;
};

const vhdFooter = (type: number, sizeBytes: number, dataOffset = 0xffffffffffffffffn): Buffer => {
  const bytes = Buffer.alloc(512);
  bytes.write('conectix');
  bytes.writeBigUInt64BE(dataOffset, 16);
  bytes.writeBigUInt64BE(BigInt(sizeBytes), 48);
  bytes.writeUInt32BE(type, 60);
  let sum = 0;
  for (const byte of bytes) sum += byte;
  bytes.writeUInt32BE(~sum >>> 0, 64);
  return bytes;
};

const read = (bytes: Uint8Array, expected?: DiskFormat) => {
  const path = join(folder, 'image');
  writeFileSync(path, bytes);
  return readImageHeader(path, expected);
};

test('formats are known by their headers', async () => {
  assert.deepEqual(await read(qcow2()), { format: 'qcow2', sizeBytes: SIZE, flat: false });
  assert.deepEqual(await read(Buffer.concat([Buffer.alloc(4096), vhdFooter(2, 4096)])), {
    format: 'vhd',
    sizeBytes: 4096,
    flat: true,
  });
  assert.deepEqual(await read(Buffer.alloc(1000)), { format: 'raw', sizeBytes: 1000, flat: true });
});

test('what is said to be raw is raw, whatever the guest wrote into it', async () => {
  assert.deepEqual(await read(qcow2(), 'raw'), { format: 'raw', sizeBytes: 4 * 65536, flat: true });
});

type Spoil = (bytes: Buffer) => void;
const QCOW2_FAULTS: readonly (readonly [string, 'ImageHeaderInvalid' | 'ImageFormatUnsupported', Spoil])[] = [
  ['version', 'ImageHeaderInvalid', (b) => b.writeUInt32BE(4, 4)],
  ['backing_file_offset', 'ImageFormatUnsupported', (b) => b.writeBigUInt64BE(1024n, 8)],
  ['backing_file_offset', 'ImageFormatUnsupported', (b) => b.writeUInt32BE(11, 16)],
  ['cluster_bits', 'ImageHeaderInvalid', (b) => b.writeUInt32BE(0, 20)],
  ['cluster_bits', 'ImageHeaderInvalid', (b) => b.writeUInt32BE(31, 20)],
  ['size', 'ImageHeaderInvalid', (b) => b.writeBigUInt64BE(1n << 63n, 24)],
  ['size', 'ImageHeaderInvalid', (b) => b.writeBigUInt64BE(0n, 24)],
  ['crypt_method', 'ImageFormatUnsupported', (b) => b.writeUInt32BE(2, 32)],
  ['l1_size', 'ImageHeaderInvalid', (b) => b.writeUInt32BE(0xffffffff, 36)],
  ['l1_size', 'ImageHeaderInvalid', (b) => b.writeUInt32BE(0, 36)],
  ['l1_table_offset', 'ImageHeaderInvalid', (b) => b.writeBigUInt64BE(100n, 40)],
  ['l1_table_offset', 'ImageHeaderInvalid', (b) => b.writeBigUInt64BE(1n << 60n, 40)],
  ['refcount_table_offset', 'ImageHeaderInvalid', (b) => b.writeBigUInt64BE(0n, 48)],
  ['refcount_table_clusters', 'ImageHeaderInvalid', (b) => b.writeUInt32BE(0x7fffffff, 56)],
  ['nb_snapshots', 'ImageHeaderInvalid', (b) => b.writeUInt32BE(0x7fffffff, 60)],
  ['incompatible_features', 'ImageHeaderInvalid', (b) => b.writeBigUInt64BE(2n, 72)],
  ['incompatible_features', 'ImageFormatUnsupported', (b) => b.writeBigUInt64BE(4n, 72)],
  ['incompatible_features', 'ImageFormatUnsupported', (b) => b.writeBigUInt64BE(1n << 40n, 72)],
  ['refcount_order', 'ImageHeaderInvalid', (b) => b.writeUInt32BE(7, 96)],
  ['header_length', 'ImageHeaderInvalid', (b) => b.writeUInt32BE(72, 100)],
  ['header_length', 'ImageHeaderInvalid', (b) => b.writeUInt32BE(0xfffffff8, 100)],
  ['header extension', 'ImageFormatUnsupported', (b) => b.writeUInt32BE(0x44415441, 104)],
  [
    'header extension length',
    'ImageHeaderInvalid',
    (b) => {
      b.writeUInt32BE(0x6803f857, 104);
      b.writeUInt32BE(0xffffffff, 108);
    },
  ],
];

for (const [field, code, spoil] of QCOW2_FAULTS) {
  test(`a qcow2 is refused for ${field} in ${spoil.toString().replace(/\s+/g, ' ').slice(0, 60)}`, async () => {
    const bytes = qcow2();
    spoil(bytes);
    await assert.rejects(read(bytes), (error) => isCoded(error, code) && error.target === field);
  });
}

test('a qcow2 that ends early is refused by the field that is missing', async () => {
  await assert.rejects(read(qcow2().subarray(0, 30)), (error) => isCoded(error, 'ImageHeaderInvalid'));
});

test('a VHD is refused for its type, its sizes and its checksum', async () => {
  const spoilt = vhdFooter(2, 4096);
  spoilt[49] = 7;
  const cases: readonly (readonly [string, Uint8Array])[] = [
    ['disk_type', vhdFooter(4, 4096)],
    ['disk_type', vhdFooter(9, 4096)],
    ['current_size', vhdFooter(2, 8192)],
    ['data_offset', vhdFooter(3, 4096, 1n << 50n)],
    ['dynamic header cookie', vhdFooter(3, 4096, 0n)],
    ['checksum', spoilt],
  ];
  for (const [field, footer] of cases)
    await assert.rejects(
      read(Buffer.concat([Buffer.alloc(4096), footer])),
      (error) => isCoded(error) && error.target === field,
    );
});

test('a VMDK of several files or with a parent is refused', async () => {
  await assert.rejects(read(Buffer.from('# Disk DescriptorFile\nRW 8 FLAT "/etc/passwd" 0\n')), (error) =>
    isCoded(error, 'ImageFormatUnsupported'),
  );
  const bytes = Buffer.alloc(64 * 1024);
  bytes.write('KDMV');
  bytes.writeUInt32LE(1, 4);
  bytes.writeBigUInt64LE(100n, 12);
  bytes.writeBigUInt64LE(128n, 20);
  bytes.writeBigUInt64LE(1n, 28);
  bytes.writeBigUInt64LE(4n, 36);
  bytes.writeUInt32LE(512, 44);
  const withDescriptor = (text: string) => {
    const copy = Buffer.from(bytes);
    copy.write(text, 512);
    return copy;
  };
  assert.deepEqual(await read(withDescriptor('parentCID=ffffffff\nRW 100 SPARSE "x.vmdk"\n')), {
    format: 'vmdk',
    sizeBytes: 51200,
    flat: false,
  });
  for (const text of [
    'parentCID=12345678\nRW 100 SPARSE "x"\n',
    'RW 100 FLAT "/etc/passwd"\n',
    'RW 1 SPARSE "a"\nRW 1 SPARSE "b"\n',
    '',
  ])
    await assert.rejects(read(withDescriptor(text)), (error) => isCoded(error, 'ImageFormatUnsupported'), text);
  bytes.writeBigUInt64LE(0n, 12);
  await assert.rejects(read(withDescriptor('')), (error) => isCoded(error) && error.target === 'capacity');
});

const hasTools = (): boolean => {
  try {
    execFileSync('qemu-img', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};

test('no header, however spoilt, does anything but be read or be refused', {
  skip: hasTools() ? false : 'QEMU is not installed',
}, async () => {
  const images = (['qcow2', 'vpc', 'vhdx', 'vmdk'] as const).map((driver) => {
    const path = join(folder, driver);
    execFileSync('qemu-img', ['create', '-q', '-f', driver, path, '8M']);
    return readFileSync(path);
  });
  const spoilt = fc.tuple(
    fc.constantFrom(...images),
    fc.array(fc.tuple(fc.nat(0x30ffff), fc.nat(255)), { maxLength: 4 }),
    fc.array(fc.tuple(fc.nat(1200), fc.nat(255))),
  );
  await fc.assert(
    fc.asyncProperty(spoilt, async ([image, far, near]) => {
      const bytes = Buffer.from(image);
      for (const [at, value] of [...far, ...near]) bytes[at % bytes.length] = value;
      try {
        const { sizeBytes } = await read(bytes);
        assert.ok(sizeBytes > 0 && sizeBytes <= 64 * 2 ** 40);
      } catch (error) {
        assert.ok(isCoded(error), String(error));
      }
    }),
    { numRuns: 150 },
  );
});
