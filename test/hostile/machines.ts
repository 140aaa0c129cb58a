import { type Hostile, json } from './hostile.ts';
import type { HostileServer } from './hostileServer.ts';

const NAMES: readonly string[] = [
  '-rf',
  '--help',
  '%24(id)',
  '%60id%60',
  'a;id',
  'a%7Cid',
  'a%26id',
  'a,if=none',
  'a,file=%2Fetc%2Fpasswd',
  'a=b',
  'a:b',
  "a'b",
  'a%22b',
  'a%20b',
  'a%09b',
  'a%0Ab',
  '.',
  '..',
  '.hidden',
  'a.json%00',
  '~',
  '~root',
  '*',
  'x'.repeat(81),
];

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKJmEjcNG2UugPOprBJKINWYJTAbe9mGZILURxKy5QFU';

/** What a guest is told at its first boot, with more than was asked for in it. */
const PROFILES: readonly (readonly [field: string, profile: object])[] = [
  ...[
    'a\nb',
    'a: b',
    '-a',
    'a b',
    '$(id)',
    '"a"',
    '#a',
    '{a}',
    'a\u0000',
    '',
    'x'.repeat(65),
    'ä',
    'a\r\nruncmd: [id]',
  ].map((computerName) => ['computerName', { computerName }] as const),
  ...[
    'root\nruncmd:\n - id',
    'a: b',
    '- a',
    'a b',
    '$(id)',
    "a'",
    '0a',
    'A',
    '',
    'x'.repeat(33),
    '..',
    'a/b',
    'a\u0000',
    '*',
  ].map((adminUsername) => ['adminUsername', { adminUsername }] as const),
  ...['short', 'onlysmallletters', 'a\nB1!aaaaaaaaaa', 'aB1!aaaaaaaaaaaa\u0000', `aB1!${'x'.repeat(100)}`].map(
    (adminPassword) => ['adminPassword', { adminPassword }] as const,
  ),
  ...['#cloud-config\nruncmd: [id]', 'not base64 !', 'YQ==\u0000', '<script>', 'x'.repeat(90_000)].map(
    (customData) => ['customData', { customData }] as const,
  ),
  ...[
    `${KEY}\nruncmd: [id]`,
    `command="id" ${KEY}`,
    `${KEY} a\r\nb`,
    'no key',
    '-----BEGIN OPENSSH PRIVATE KEY-----',
    `${KEY}\u0000`,
  ].map((keyData) => ['linuxConfiguration', { linuxConfiguration: { ssh: { publicKeys: [{ keyData }] } } }] as const),
];

const IMAGES: readonly object[] = [
  { id: '/etc/passwd' },
  { id: '../../../etc/passwd' },
  { publisher: '..', offer: '..', sku: '..', version: '..' },
  { publisher: '/etc', offer: 'passwd', sku: 'default', version: 'latest' },
  { publisher: 'local', offer: 'a\u0000b', sku: 'default', version: 'latest' },
  { publisher: '__proto__', offer: 'constructor', sku: 'default', version: 'latest' },
  {},
];

/** Machines whose names are options, paths and programs, and whose guests are told more than they should be. */
export function machineTricks(server: HostileServer): readonly Hostile[] {
  const machines = `${server.group}/providers/Microsoft.Compute/virtualMachines`;
  const body = (properties: object) =>
    json({
      location: 'westeurope',
      properties: {
        hardwareProfile: { vmSize: 'Standard_B1s' },
        storageProfile: {
          osDisk: { createOption: 'FromImage' },
          imageReference: { publisher: 'local', offer: 'tiny', sku: 'default', version: 'latest' },
        },
        networkProfile: { networkInterfaces: [] },
        osProfile: { computerName: 'vm', adminUsername: 'ops' },
        ...properties,
      },
    });
  const put = (name: string, properties: object) => ({
    ...{ method: 'PUT', target: `${machines}/${name}?api-version=2024-07-01` },
    ...body(properties),
  });
  const deployed = (name: string): Hostile => ({
    what: `deploys the machine ${name}`,
    ask: {
      ...{
        method: 'PUT',
        target: `${server.group}/providers/Microsoft.Resources/deployments/vm?api-version=2022-09-01`,
      },
      ...json({
        properties: {
          mode: 'Incremental',
          template: {
            resources: [
              {
                ...{ type: 'Microsoft.Compute/virtualMachines', apiVersion: '2024-07-01', location: 'westeurope' },
                ...{ name: decodeURIComponent(name), properties: {} },
              },
            ],
          },
        },
      }),
    },
  });
  return [
    ...NAMES.map((name) => ({
      what: `a machine named ${name.slice(0, 40)}`,
      ask: put(name, {}),
      codes: ['InvalidParameter', 'InvalidResourceName'],
    })),
    // a deployment carries out what only the machine's own rules refuse, and fails then
    ...NAMES.filter((name) => /^\.+$|%0[09A]|%22|%7C/.test(name)).map(deployed),
    ...PROFILES.map(([field, profile]) => ({
      what: `the profile ${JSON.stringify(profile).slice(0, 80)}`,
      ask: put('vm9', { osProfile: { computerName: 'vm', adminUsername: 'ops', ...profile } }),
      target: `properties.osProfile.${field}.ssh.publicKeys`.replace(
        /(computerName|adminUsername|adminPassword|customData)\.ssh.*/,
        '$1',
      ),
    })),
    ...IMAGES.map((imageReference) => ({
      what: `the image ${JSON.stringify(imageReference)}`,
      ask: put('vm9', { storageProfile: { osDisk: { createOption: 'FromImage' }, imageReference } }),
    })),
    ...[
      '/etc/passwd',
      '../x',
      `${server.group}/providers/Microsoft.Compute/disks/absent`,
      'a\u0000b',
      'https://evil.example/a.vhd',
    ].map((id) => ({
      what: `the disk ${JSON.stringify(id)}`,
      ask: put('vm9', { storageProfile: { osDisk: { createOption: 'Attach', osType: 'Linux', managedDisk: { id } } } }),
    })),
    ...['a,b', '../x', 'a\nb', '-device', 'x'.repeat(300)].map((name) => ({
      what: `a data disk named ${JSON.stringify(name).slice(0, 40)}`,
      ask: {
        ...{
          method: 'PUT',
          target: `${server.group}/providers/Microsoft.Compute/disks/${encodeURIComponent(name)}?api-version=2023-04-02`,
        },
        ...json({
          location: 'westeurope',
          properties: { creationData: { createOption: 'Import', sourceUri: 'file:///etc/passwd' } },
        }),
      },
    })),
    ...[
      'file:///etc/passwd',
      '/etc/passwd',
      'http://169.254.169.254/',
      'https://evil.example/a.vhd',
      'nbd:unix:/x',
      'json:{}',
    ].map((sourceUri) => ({
      what: `a disk from ${sourceUri}`,
      ask: {
        ...{ method: 'PUT', target: `${server.group}/providers/Microsoft.Compute/disks/d1?api-version=2023-04-02` },
        ...json({ location: 'westeurope', properties: { creationData: { createOption: 'Import', sourceUri } } }),
      },
    })),
  ];
}
