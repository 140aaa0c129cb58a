import { ok } from '../arm/respond.ts';
import { defineRoutes, type RouteTable, route } from '../arm/route.ts';
import { operationList } from '../arm/surface.ts';
import { CodedError } from '../lib/error.ts';
import { RESOURCE_VERSIONS } from './apiVersions.ts';
import { sameName } from './ids.ts';
import { requireSubscription } from './lookups.ts';
import type { Services } from './services.ts';

const ACTION = 'Microsoft.Resources/subscriptions/providers';
const PROVIDERS = '/subscriptions/{subscriptionId}/providers';

/** Which namespaces there are, and what one may be permitted to do in each: read from the other tables. */
export function providers(services: Services, tables: readonly RouteTable[]): readonly RouteTable[] {
  const namespaces = [...new Set(tables.map((table) => table.type.split('/')[0] ?? ''))].sort();
  return [
    defineRoutes({
      type: 'Microsoft.Resources/providers',
      apiVersions: RESOURCE_VERSIONS,
      routes: namespaceRoutes(services, tables, namespaces),
    }),
    ...namespaces.map((namespace) => operationsOf(namespace, tables)),
  ];
}

const namespaceRoutes = (services: Services, tables: readonly RouteTable[], namespaces: readonly string[]) => [
  route({
    method: 'GET',
    path: PROVIDERS,
    action: `${ACTION}/read`,
    access: 'authenticated',
    summary: 'Lists the resource providers.',
    handler(context) {
      requireSubscription(services, context.params.subscriptionId);
      return context.listFrom(
        namespaces,
        (name) => name,
        (name) => toWire(services, tables, name),
      );
    },
  }),
  route({
    method: 'GET',
    path: `${PROVIDERS}/{namespace}`,
    action: `${ACTION}/read`,
    access: 'authenticated',
    summary: 'Gets a resource provider.',
    handler({ params }) {
      requireSubscription(services, params.subscriptionId);
      return ok(toWire(services, tables, requireNamespace(namespaces, params.namespace)));
    },
  }),
  route({
    method: 'POST',
    path: `${PROVIDERS}/{namespace}/register`,
    action: `${ACTION}/register/action`,
    summary: 'Registers a resource provider: all are, from the start.',
    handler({ params }) {
      requireSubscription(services, params.subscriptionId);
      return ok(toWire(services, tables, requireNamespace(namespaces, params.namespace)));
    },
  }),
];

const operationsOf = (namespace: string, tables: readonly RouteTable[]): RouteTable =>
  defineRoutes({
    type: `${namespace}/operations`,
    apiVersions: RESOURCE_VERSIONS,
    routes: [
      route({
        method: 'GET',
        path: `/providers/${namespace}/operations`,
        action: `${namespace}/operations/read`,
        access: 'authenticated',
        summary: `Lists what can be permitted in ${namespace}.`,
        handler: (context) => context.list(operationList(tables, namespace)),
      }),
    ],
  });

/** Errors: NotFound. */
function requireNamespace(namespaces: readonly string[], name: string): string {
  const found = namespaces.find((other) => sameName(other, name));
  if (found !== undefined) return found;
  throw new CodedError(
    'NotFound',
    `The resource provider '${name}' is not known; legal are ${namespaces.join(', ')}.`,
    {
      target: 'namespace',
    },
  );
}

const toWire = ({ config }: Services, tables: readonly RouteTable[], namespace: string): object => ({
  id: `/subscriptions/${config.subscriptionId}/providers/${namespace}`,
  namespace,
  registrationPolicy: 'RegistrationFree',
  registrationState: 'Registered',
  resourceTypes: tables
    .filter((table) => table.type.startsWith(`${namespace}/`))
    .map((table) => ({
      resourceType: table.type.slice(namespace.length + 1),
      locations: [config.location],
      apiVersions: [table.apiVersions.to, table.apiVersions.from],
    })),
});
