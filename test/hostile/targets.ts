import type { Route, RouteTable } from '../../src/arm/route.ts';
import type { HostileServer } from './hostileServer.ts';

/** Legal under every name rule that routes have. */
const ANY_UUID = '12345678-1234-4123-8123-123456789012';
const WORDS = ['name1', 'accountname1', 'default', 'VaultProxy', '1111'];

/** A legal request line for a route: parameters lead to what exists, where there is something. */
export function targetOf(
  server: HostileServer,
  table: RouteTable,
  route: Route,
  given: Readonly<Record<string, string>> = {},
): string {
  return `${pathOf(server, table, route, given)}?api-version=${(route.apiVersions ?? table.apiVersions).to}`;
}

export const pathOf = (
  server: HostileServer,
  table: RouteTable,
  route: Route,
  given: Readonly<Record<string, string>> = {},
): string =>
  route.path.replace(/\{([A-Za-z]+)\}/g, (_, name: string) => {
    const rule = table.names?.[name]?.pattern ?? /^/;
    const legal = [given[name], server.known[name], ANY_UUID, ...WORDS].find(
      (one) => one !== undefined && rule.test(one),
    );
    if (legal === undefined) throw new Error(`no name is known that is legal as ${name} of ${table.type}`);
    return legal;
  });
