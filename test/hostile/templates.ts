import { type Hostile, json } from './hostile.ts';
import type { HostileServer } from './hostileServer.ts';

const EXPRESSIONS: readonly string[] = [
  '[constructor()]',
  "[constructor('return 1')]",
  "[constructor('a').constructor('return process')()]",
  '[__proto__()]',
  '[hasownproperty()]',
  '[valueof()]',
  "[parameters('__proto__')]",
  "[parameters('constructor')]",
  "[variables('__proto__')]",
  "[variables('constructor')]",
  '[resourceGroup().constructor]',
  '[resourceGroup().__proto__]',
  "[resourceGroup()['__proto__']]",
  "[resourceGroup()['constructor']]",
  "[concat('a').length]",
  "[concat('a').constructor]",
  '[process.env]',
  "[require('fs')]",
  "[import('fs')]",
  "[eval('1')]",
  "[reference('x')]",
  "[listKeys('x','2021-01-01')]",
  '[deployment().properties]',
  '[environment()]',
  '[]',
  '[(]',
  '[)]',
  "['a]",
  '[concat(]',
  "[concat('a',)]",
  "[concat('a' 'b')]",
  '[1e9]',
  '[-]',
  '[$(id)]',
  '[`id`]',
  '[$' + '{7*7}]',
  '[{{7*7}}]',
  '[resourceId()]',
  "[resourceId('a')]",
  "[resourceId('a/b')]",
  "[int('x')]",
  '[toLower(1)]',
  `[${'concat('.repeat(5000)}'a'${')'.repeat(5000)}]`,
  `[${'concat('.repeat(21)}'a'${')'.repeat(21)}]`,
];

/** Each variable is twice the one before. */
const doubling = (levels: number): Record<string, string> => ({
  v0: 'xxxxxxxxxxxxxxxx',
  ...Object.fromEntries(
    Array.from({ length: levels }, (_, i) => [`v${i + 1}`, `[concat(variables('v${i}'),variables('v${i}'))]`]),
  ),
});
const doublingLists = (levels: number): Record<string, unknown> => ({
  v0: ['x'],
  ...Object.fromEntries(
    Array.from({ length: levels }, (_, i) => [`v${i + 1}`, [`[variables('v${i}')]`, `[variables('v${i}')]`]]),
  ),
});
const chain = (length: number): Record<string, string> => ({
  ...Object.fromEntries(Array.from({ length }, (_, i) => [`v${i}`, `[variables('v${i + 1}')]`])),
  [`v${length}`]: 'end',
});

/** Templates that reach for the server, for others' resources, or for all of its memory. */
export function templateTricks(server: HostileServer): readonly Hostile[] {
  const target = `${server.group}/providers/Microsoft.Resources/deployments/trick`;
  const template = (more: object) => ({ $schema: 'x', contentVersion: '1.0.0.0', resources: [], ...more });
  const both = (what: string, body: object, codes?: readonly string[]): Hostile[] => {
    const sent = json({ properties: { mode: 'Incremental', ...body } });
    const known = codes === undefined ? {} : { codes };
    return [
      {
        what: `validates ${what}`,
        ask: { method: 'POST', target: `${target}/validate?api-version=2022-09-01`, ...sent },
        ...known,
      },
      {
        what: `deploys ${what}`,
        ask: { method: 'PUT', target: `${target}?api-version=2022-09-01`, ...sent },
        ...known,
      },
    ];
  };
  const network = (more: object) => ({
    resources: [
      {
        type: 'Microsoft.Network/virtualNetworks',
        apiVersion: '2022-01-01',
        name: 'net',
        location: 'westeurope',
        ...more,
      },
    ],
  });
  return [
    ...EXPRESSIONS.flatMap((text) =>
      both(
        `the expression ${text.slice(0, 60)}`,
        { template: template({ outputs: { a: { type: 'string', value: text } } }) },
        ['InvalidTemplate'],
      ),
    ),
    ...EXPRESSIONS.slice(0, 12).flatMap((text) =>
      both(`the name ${text}`, { template: template(network({ name: text })) }),
    ),
    ...NAMES.flatMap((name) =>
      both(`a network named ${JSON.stringify(name).slice(0, 60)}`, { template: template(network({ name })) }),
    ),
    ...TYPES.flatMap((type) => both(`a resource of the type ${type}`, { template: template(network({ type })) })),
    ...(
      [
        ['texts that double 64 times', { variables: doubling(64) }, "[variables('v64')]"],
        ['lists that double 64 times', { variables: doublingLists(64) }, "[variables('v64')]"],
        ['lists that double 22 times', { variables: doublingLists(22) }, "[variables('v22')]"],
        ['a chain of 4 000 variables', { variables: chain(4000) }, "[variables('v0')]"],
        ['a variable that is itself', { variables: { a: "[variables('a')]" } }, "[variables('a')]"],
        [
          'two variables that are each other',
          { variables: { a: "[variables('b')]", b: "[variables('a')]" } },
          "[variables('a')]",
        ],
      ] as const
    ).flatMap(([what, more, value]) =>
      both(what, { template: template({ ...more, outputs: { a: { type: 'string', value } } }) }, ['InvalidTemplate']),
    ),
    ...both(
      'one long text a thousand times',
      {
        parameters: { p: { value: 'x'.repeat(500_000) } },
        template: template({
          parameters: { p: { type: 'string' } },
          outputs: Object.fromEntries(
            Array.from({ length: 1000 }, (_, i) => [`o${i}`, { type: 'string', value: "[parameters('p')]" }]),
          ),
        }),
      },
      ['InvalidTemplate'],
    ),
    ...both('a link', { templateLink: { uri: 'https://evil.example/t.json' } }),
    ...both('a link to metadata', { templateLink: { uri: 'http://169.254.169.254/' }, template: template({}) }),
    ...both('linked parameters', { parametersLink: { uri: 'file:///etc/passwd' }, template: template({}) }),
    ...both('the mode that deletes', { mode: 'Complete', template: template({}) }),
    ...both('functions', { template: template({ functions: [{ namespace: 'a', members: {} }] }) }),
    ...both('a circle', {
      template: template({
        resources: ['a', 'b'].map((name) => ({
          ...{ type: 'Microsoft.Network/virtualNetworks', apiVersion: '2022-01-01', name, location: 'westeurope' },
          dependsOn: [name === 'a' ? 'b' : 'a'],
        })),
      }),
    }),
    ...both('a loop', { template: template(network({ copy: { name: 'a', count: 1e9 } })) }),
    ...both('another scope', { template: template(network({ scope: '/' })) }),
    ...both('900 resources', {
      template: template({
        resources: Array.from({ length: 900 }, (_, i) => ({
          ...{
            type: 'Microsoft.Network/virtualNetworks',
            apiVersion: '2022-01-01',
            name: `n${i}`,
            location: 'westeurope',
          },
        })),
      }),
    }),
    ...both('an owner for a stranger', {
      template: template({
        resources: [
          {
            ...{ type: 'Microsoft.Authorization/roleAssignments', apiVersion: '2022-04-01', name: 'not-a-uuid' },
            properties: { roleDefinitionId: 'x', principalId: 'y' },
          },
        ],
      }),
    }),
    ...both('secrets of a vault of keys', {
      parameters: { p: { reference: { keyVault: { id: '/x' }, secretName: 's' } } },
      template: template({ parameters: { p: { type: 'securestring' } } }),
    }),
  ];
}

const NAMES: readonly string[] = [
  ...['../x', 'a/b', '..', '.', 'a\u0000b', 'a\nb', 'a%2fb', 'a#b', 'a?b', 'a\\b', '', ' ', 'x'.repeat(300), 'ｋeep'],
  ...['../../../providers/Microsoft.RecoveryServices/vaults/keep', '[['],
];
const TYPES: readonly string[] = [
  ...['', '/', 'a', 'Microsoft.Nothing/things', 'Microsoft.Network/nothing', 'constructor/__proto__', '../x/y'],
  ...[
    'Microsoft.Resources/deployments',
    'Microsoft.Network/virtualNetworks/subnets',
    'microsoft.network',
    '*/*',
    '.*/.*',
  ],
];
