import { usualAnswers } from './answer.ts';
import type { RouteTable } from './route.ts';

export interface OperationDescription {
  readonly name: string;
  readonly isDataAction: false;
  readonly display: {
    readonly provider: string;
    readonly resource: string;
    readonly operation: string;
    readonly description: string;
  };
}

/** Markdown of every route with its answers and RBAC action: docs/arm-surface.md. */
export function armSurface(tables: readonly RouteTable[]): string {
  const sections = [...tables].sort((a, b) => compare(a.type, b.type)).map(section);
  return ['# ARM surface', '', 'Generated from the route tables; do not edit.', '', ...READING, ...sections].join('\n');
}

/** The value of `GET /providers/{namespace}/operations`: each action once, in order of name. */
export function operationList(tables: readonly RouteTable[], namespace: string): readonly OperationDescription[] {
  const byName = new Map<string, OperationDescription>();
  for (const table of tables) {
    for (const route of table.routes) {
      const key = route.action.toLowerCase();
      const isOther = !key.startsWith(`${namespace.toLowerCase()}/`);
      if (isOther || route.isRefusal || byName.has(key)) continue;
      const [provider = '', ...rest] = route.action.split('/');
      const display = {
        provider,
        resource: rest.slice(0, -1).join('/'),
        operation: rest.at(-1) ?? '',
        description: route.summary,
      };
      byName.set(key, { name: route.action, isDataAction: false, display });
    }
  }
  return [...byName.values()].sort((a, b) => compare(a.name, b.name));
}

const READING = [
  'The answers of a route are those of success: its status, and the headers that say where to poll what goes on',
  "(Azure-AsyncOperation, Location). Errors are ARM's. `refused`: known from Azure, not served here; the answer is 501",
  'NotImplemented and says what to do instead.',
  '',
];

function section(table: RouteTable): string {
  const rows = table.routes.map((route) => {
    const filter = route.filter === undefined ? '' : Object.keys(route.filter).join(', ');
    const asked = route.access === 'authenticated' ? `${route.action} (shows what is permitted)` : route.action;
    const answers = route.isRefusal ? 'refused' : (route.answers ?? usualAnswers(route.method)).join(', ');
    return `| ${route.method} | \`${route.path}\` | ${answers} | \`${asked}\` | ${filter} | ${route.summary} |`;
  });
  return [
    `## ${table.type}`,
    '',
    `api-version ${table.apiVersions.from} to ${table.apiVersions.to}`,
    '',
    '| method | path | answers | action | $filter | |',
    '|---|---|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
