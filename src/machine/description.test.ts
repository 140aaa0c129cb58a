import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCoded } from '../lib/error.ts';
import { type DescriptionPlace, parseDescription } from './description.ts';

const PLACE: DescriptionPlace = { file: '/machines/web-1.yaml', folder: '/machines', diskRoots: ['/images'] };
const VALID = {
  name: 'web-1',
  resourceGroup: 'shop',
  location: 'westeurope',
  disks: [{ lun: -1, name: 'os', path: 'web-1.qcow2', format: 'qcow2' }],
};

const parse = (value: unknown) => parseDescription(JSON.stringify(value), PLACE);

test('a description in YAML, with its defaults', () => {
  const text = `
name: web-1
resourceGroup: shop
location: westeurope
tags: { role: web }
disks:
  - { lun: 0, name: data, path: /images/web-1.data }
  - { lun: -1, name: os, path: web-1.qcow2, format: qcow2 }
qemu: { memoryMiB: 512, scratchFolder: scratch }
`;
  assert.deepEqual(parseDescription(text, PLACE), {
    name: 'web-1',
    resourceGroup: 'shop',
    location: 'westeurope',
    tags: { role: 'web' },
    osType: 'Linux',
    disks: [
      { lun: -1, name: 'os', path: '/machines/web-1.qcow2', format: 'qcow2' },
      { lun: 0, name: 'data', path: '/images/web-1.data' },
    ],
    qemu: { memoryMiB: 512, cpus: 1, accelerator: 'tcg', freezeHook: false, scratchFolder: '/machines/scratch' },
  });
});

const disk = (change: object) => ({ disks: [{ ...VALID.disks[0], ...change }] });

/** What is wrong, and the field that the error must name. */
const WRONG: readonly (readonly [object, string])[] = [
  [{ name: undefined }, 'name'],
  [{ name: '../web' }, 'name'],
  [{ name: '.' }, 'name'],
  [{ name: 'web-' }, 'name'],
  [{ name: 'a'.repeat(65) }, 'name'],
  [{ name: 7 }, 'name'],
  [{ resourceGroup: '..' }, 'resourceGroup'],
  [{ resourceGroup: 'a/b' }, 'resourceGroup'],
  [{ resourceGroup: 'group.' }, 'resourceGroup'],
  [{ location: 'West Europe' }, 'location'],
  [{ tags: ['x'] }, 'tags'],
  [{ tags: { role: 3 } }, 'tags.role'],
  [{ osType: 'BeOS' }, 'osType'],
  [{ vmId: 'web-1' }, 'vmId'],
  [{ disks: [] }, 'disks'],
  [{ disks: 'os' }, 'disks'],
  [{ colour: 'red' }, 'colour'],
  [disk({ lun: -2 }), 'disks[0].lun'],
  [disk({ lun: 1.5 }), 'disks[0].lun'],
  [disk({ path: '../secret' }), 'disks[0].path'],
  [disk({ path: '/etc/shadow' }), 'disks[0].path'],
  [disk({ path: '/machines' }), 'disks[0].path'],
  [disk({ path: 'a\0b' }), 'disks[0].path'],
  [disk({ format: 'vdi' }), 'disks[0].format'],
  [disk({ size: 1 }), 'disks[0].size'],
  [{ disks: [VALID.disks[0], { ...VALID.disks[0], name: 'b', path: 'b' }] }, 'disks.lun'],
  [{ disks: [VALID.disks[0], { ...VALID.disks[0], lun: 0, name: 'b' }] }, 'disks.path'],
  [{ qemu: { memoryMiB: 1 } }, 'qemu.memoryMiB'],
  [{ qemu: { agentSocket: 'agent' } }, 'qemu.agentSocket'],
  [{ qemu: { append: 'a\nb' } }, 'qemu.append'],
  [{ qemu: { freezeHook: 'yes' } }, 'qemu.freezeHook'],
  [{ qemu: { monitor: 'x' } }, 'qemu.monitor'],
];

for (const [change, field] of WRONG) {
  test(`${field} is refused in ${JSON.stringify(change).slice(0, 60)}`, () => {
    assert.throws(
      () => parse({ ...VALID, ...change }),
      (error) =>
        isCoded(error, 'MachineDescriptionInvalid') &&
        error.target === field &&
        error.message.startsWith(`web-1.yaml: ${field} `),
    );
  });
}

test('texts that are no description', () => {
  const bomb = `a: &a [1,1,1,1,1,1,1,1]\n${'bcdefghij'.replace(/./g, (letter, at: number) => `${letter}: &${letter} [${`*${'abcdefghij'[at]},`.repeat(8)}]\n`)}`;
  for (const text of ['', '7', '[]', 'name: [', 'name: a\nname: b', bomb, 'x'.repeat(300_000)])
    assert.throws(
      () => parseDescription(text, PLACE),
      (error) => isCoded(error, 'MachineDescriptionInvalid'),
    );
});
