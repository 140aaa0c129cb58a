import type { RouteTable } from '../../src/arm/route.ts';
import type { Hostile } from './hostile.ts';
import type { HostileServer } from './hostileServer.ts';
import { targetOf } from './targets.ts';

const utf8 = new TextEncoder();
const valid = '"location":"westeurope","sku":{"name":"RS0"}';
const nested = (depth: number): string => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
const keys = (count: number): string => `{${Array.from({ length: count }, (_, i) => `"k${i}":1`).join(',')}}`;

/** Texts that are no JSON, or JSON that can be read in two ways, or that costs too much to read. */
const TEXTS: readonly (readonly [what: string, body: string | Uint8Array])[] = [
  ['an open brace', '{'],
  ['half a string', '{"location":"west'],
  ['half a number', '{"location":1e}'],
  ['a comma too many', `{${valid},}`],
  ['single quotes', "{'location':'westeurope'}"],
  ['no quotes', '{location:"westeurope"}'],
  ['a comment', `{/* */${valid}}`],
  ['two values', `{${valid}}{${valid}}`],
  ['NaN', '{"properties":NaN}'],
  ['Infinity', '{"properties":Infinity}'],
  ['a number out of range', '{"properties":{"a":1e999}}'],
  ['a negative number out of range', '{"properties":{"a":-1e999}}'],
  ['hexadecimal', '{"properties":{"a":0x1f}}'],
  ['a leading zero', '{"properties":{"a":01}}'],
  ['undefined', 'undefined'],
  ['null', 'null'],
  ['a word', '"westeurope"'],
  ['a number', '1'],
  ['true', 'true'],
  ['a list', `[{${valid}}]`],
  ['a list of lists', '['.repeat(200_000)],
  ['objects in objects, 33 deep', nested(33)],
  ['objects in objects, 100 000 deep', nested(100_000)],
  ['a key twice', `{${valid},"location":"northeurope"}`],
  ['a key twice, once escaped', `{${valid},"loc\\u0061tion":"northeurope"}`],
  ['__proto__', `{${valid},"__proto__":{"polluted":true}}`],
  ['__proto__ deep down', `{${valid},"properties":{"a":{"__proto__":{"polluted":true}}}}`],
  ['__proto__ escaped', `{${valid},"__pro\\u0074o__":{"polluted":true}}`],
  ['constructor', `{${valid},"constructor":{"prototype":{"polluted":true}}}`],
  ['10 001 keys', keys(10_001)],
  ['more than 1 MiB', `{${valid},"tags":{"a":"${'x'.repeat(1_100_000)}"}}`],
  ['a byte order mark', utf8.encode(`\uFEFF{${valid}}`)],
  ['UTF-16', new Uint8Array(Buffer.from(`{${valid}}`, 'utf16le'))],
  ['broken UTF-8', new Uint8Array([0x7b, 0x22, 0xc3, 0x28, 0x22, 0x3a, 0x31, 0x7d])],
  ['an overlong encoding', new Uint8Array([0x7b, 0x22, 0xc0, 0xaf, 0x22, 0x3a, 0x31, 0x7d])],
  ['a NUL', new Uint8Array([0x7b, 0x00, 0x7d])],
  ['a control character in a string', '{"location":"west\u0001europe"}'],
  ['a line break in a string', '{"location":"west\neurope"}'],
  ['a lone quote', '"'],
  ['a bad escape', '{"location":"\\x41"}'],
  ['XML', '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'],
  ['YAML', 'location: westeurope'],
  ['a form', 'location=westeurope'],
];

const CONTENT_TYPES: readonly Readonly<Record<string, string>>[] = [
  { 'content-type': 'text/plain' },
  { 'content-type': 'application/xml' },
  { 'content-type': 'multipart/form-data; boundary=x' },
  { 'content-type': 'application/x-www-form-urlencoded' },
  { 'content-type': 'application/json; charset=utf-16' },
  { 'content-type': 'application/json; charset=utf-7' },
  { 'content-type': 'application/json/../xml' },
  { 'content-type': '*/*' },
  { 'content-type': 'application/json', 'content-encoding': 'gzip' },
  { 'content-type': 'application/json', 'content-encoding': 'br, identity' },
];

/** Every broken text to a few routes, and the worst three to every route that reads a body. */
export function brokenTexts(server: HostileServer, tables: readonly RouteTable[]): readonly Hostile[] {
  const few = [
    {
      method: 'PUT',
      target: `${server.group}/providers/Microsoft.RecoveryServices/vaults/new1?api-version=2024-04-01`,
    },
    { method: 'PATCH', target: `${server.vault}?api-version=2024-04-01` },
  ];
  const headers = { 'content-type': 'application/json' };
  const worst = TEXTS.filter(([what]) => ['an open brace', 'a key twice', '__proto__ deep down'].includes(what));
  const everywhere = tables.flatMap((table) =>
    table.routes
      .filter((route) => route.body !== undefined)
      .flatMap((route) =>
        worst.map(([what, body]) => ({
          what: `${what} as the body of ${route.method} ${route.path}`,
          ask: { method: route.method, target: targetOf(server, table, route), headers, body },
          codes: ['InvalidRequestContent'],
        })),
      ),
  );
  const many = few.flatMap((ask) => [
    ...TEXTS.map(([what, body]) => ({ what: `${what} as a body`, ask: { ...ask, headers, body } })),
    ...CONTENT_TYPES.map((types) => ({
      what: `a body as ${JSON.stringify(types)}`,
      ask: { ...ask, headers: types, body: `{${valid}}` },
      codes: ['UnsupportedMediaType'],
    })),
  ]);
  return [...many, ...everywhere];
}
