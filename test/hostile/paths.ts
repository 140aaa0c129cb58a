import type { RouteTable } from '../../src/arm/route.ts';
import { type Hostile, json } from './hostile.ts';
import type { HostileServer } from './hostileServer.ts';
import { pathOf } from './targets.ts';

/** What is put where a name belongs, as it stands on the request line. */
const TRICKS: readonly (readonly [what: string, raw: string])[] = [
  ['an encoded slash', 'a%2Fb'],
  ['an encoded slash in small letters', 'a%2fb'],
  ['an encoded backslash', 'a%5Cb'],
  ['a backslash', 'a\\b'],
  ['two dots', '..'],
  ['encoded dots', '%2e%2e'],
  ['half encoded dots', '.%2e'],
  ['dots and an encoded slash', '..%2f..%2f..%2fetc%2fpasswd'],
  ['dots and an encoded backslash', '..%5c..%5cwindows'],
  ['dots encoded twice', '%252e%252e'],
  ['a slash encoded twice', 'a%252Fb'],
  ['an overlong slash', 'a%c0%afb'],
  ['an overlong dot', '%c0%ae%c0%ae'],
  ['a NUL', 'keep%00'],
  ['a NUL before an ending', 'keep%00.json'],
  ['a line break', 'keep%0d%0aSet-Cookie:%20a=b'],
  ['a tab', 'keep%09'],
  ['a DEL', 'keep%7f'],
  ['half an encoding', 'keep%4'],
  ['no encoding', 'keep%zz'],
  ['a full-width letter', '%EF%BD%8Beep'],
  ['the Kelvin sign, whose small letter is k', '%E2%84%AAeep'],
  ['a dotless i', 'keep%C4%B1'],
  ['a long s, whose capital is S', '%C5%BFhop'],
  ['right to left', '%E2%80%AEpeek'],
  ['a zero-width space', 'ke%E2%80%8Bep'],
  ['a combining accent', 'kee%CC%81p'],
  ['a lone surrogate', '%ED%A0%80'],
  ['a dot at the end', 'keep.'],
  ['a blank at the end', 'keep%20'],
  ['300 letters', 'k'.repeat(300)],
  ['5 000 letters', 'k'.repeat(5000)],
  ['a quote', "keep'%20or%20'1'='1"],
  ['a double quote', 'keep%22'],
  ['a question mark', 'keep%3fapi-version=2024-04-01'],
  ['a number sign', 'keep%23'],
  ['a tag', '%3Cscript%3E'],
  ['an expression', "%5Bconcat('a')%5D"],
  ['a format', '%25s%25n'],
  ['a shell', '$(id)%60id%60'],
  ['an option', '--%20-rf%20%2F'],
  ['a prototype', '__proto__'],
  ['a constructor', 'constructor'],
  ['a method of every object', 'hasOwnProperty'],
  ['a path parameter', 'absent;jsessionid=1'],
  ['a pattern', 'abs*nt'],
];

const TYPES = [
  'Microsoft.RecoveryServices/vaults',
  'Microsoft.RecoveryServices/vaults/backupPolicies',
  'Microsoft.Compute/virtualMachines',
  'Microsoft.Storage/storageAccounts',
];

/** Tricks as each name of representative paths, to be read, and as the name of what is to be made. */
export function pathTricks(server: HostileServer, tables: readonly RouteTable[]): readonly Hostile[] {
  return [...names(server), ...wholePaths(server), ...everyParameter(server, tables)];
}

function names(server: HostileServer): readonly Hostile[] {
  return TYPES.flatMap((type) => {
    const [namespace = '', vaults, below] = type.split('/');
    const around =
      below === undefined ? `${server.group}/providers/${namespace}/${vaults}` : `${server.vault}/${below}`;
    const body = json({ location: 'westeurope', sku: { name: 'RS0' }, properties: {} });
    return TRICKS.flatMap(([what, raw]) => {
      const target = `${around}/${raw}?api-version=2023-01-01`;
      const isLegalName = /^[A-Za-z_-]+$/.test(raw) && raw.length < 50;
      const made: Hostile = { what: `${what} as the name of a new ${type}`, ask: { method: 'PUT', target, ...body } };
      return [
        { what: `${what} as the name of a ${type}`, ask: { method: 'GET', target } },
        ...(isLegalName ? [] : [made]),
      ];
    });
  });
}

/** One of the worst as every parameter of every route. */
function everyParameter(server: HostileServer, tables: readonly RouteTable[]): readonly Hostile[] {
  const seen = new Set<string>();
  return tables.flatMap((table) =>
    table.routes.flatMap((route) =>
      [...route.path.matchAll(/\{([A-Za-z]+)\}/g)].flatMap(([, name = '']) => {
        const key = `${route.method} ${table.type} ${name}`;
        if (seen.has(key)) return [];
        seen.add(key);
        const [what, raw] = TRICKS[seen.size % 20]!;
        const path = pathOf(server, table, { ...route, path: route.path.replace(`{${name}}`, '\u0001') }).replace(
          '\u0001',
          raw,
        );
        const version = (route.apiVersions ?? table.apiVersions).to;
        const body = route.body === undefined ? {} : json({});
        const ask = { method: route.method, target: `${path}?api-version=${version}`, ...body };
        return [{ what: `${what} as ${name} of ${route.method} ${route.path}`, ask }];
      }),
    ),
  );
}

function wholePaths(server: HostileServer): readonly Hostile[] {
  const { group, vault, subscription } = server;
  const version = 'api-version=2024-04-01';
  const refused = [
    `/../../../../etc/passwd?${version}`,
    `/subscriptions/..${vault}?${version}`,
    `${vault}/../other?${version}`,
    `${vault}/%2e%2e/other?${version}`,
    `${vault}/.?${version}`,
    `${vault};a=b?${version}`,
    `${vault}%00?${version}`,
    `${vault}%3f${version}`,
    `${vault}#a?${version}`,
    `https://evil.example${vault}?${version}`,
    `http://169.254.169.254/latest/meta-data?${version}`,
    `*`,
    `${group}/providers/Microsoft.RecoveryServices%2fvaults/keep?${version}`,
    `${group}/providers/Microsoft.Nothing/vaults/keep?${version}`,
    `${group}/providers/__proto__/constructor/keep?${version}`,
    `/constructor?${version}`,
    `/__proto__?${version}`,
    `/${'a/'.repeat(3000)}?${version}`,
    `/metadata/../subscriptions/x?${version}`,
    `/subscriptions/not-a-uuid/resourceGroups?${version}`,
    `/subscriptions/${'0'.repeat(36)}/resourceGroups?${version}`,
    `${subscription}/resourceGroups/shop%20/providers/Microsoft.RecoveryServices/vaults/keep?${version}`,
  ];
  const harmless = [
    `/${vault}?${version}`,
    `${vault}/?${version}`,
    `${vault.replaceAll('/', '//')}?${version}`,
    `${vault.toUpperCase()}?${version}`,
  ];
  const get = (target: string) => ({ what: `the path ${target.slice(0, 100)}`, ask: { method: 'GET', target } });
  return [...refused.map(get), ...harmless.map((target) => ({ ...get(target), expect: 'harmless' as const }))];
}
