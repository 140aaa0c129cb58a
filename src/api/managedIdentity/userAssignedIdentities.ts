import { randomUUID } from 'node:crypto';
import { Type } from 'typebox';
import type { ApiVersionRange } from '../../arm/apiVersion.ts';
import type { RouteTable } from '../../arm/route.ts';
import type { Services } from '../services.ts';
import { trackedResource } from '../trackedResource.ts';
import { trackedBody } from '../trackedType.ts';

const VERSIONS: ApiVersionRange = { from: '2015-08-31', to: '2026-12-31' };

/** Names with stable ids, for vaults and machines to carry; no token is issued for them. */
export const userAssignedIdentities = (services: Services): RouteTable =>
  trackedResource(services, {
    type: 'Microsoft.ManagedIdentity/userAssignedIdentities',
    one: 'a user-assigned identity',
    many: 'user-assigned identities',
    apiVersions: VERSIONS,
    nameRule: {
      pattern: /^[A-Za-z0-9][A-Za-z0-9_-]{2,127}$/,
      rule: "3 to 128 letters, digits, '-' and '_', beginning with a letter or digit",
    },
    body: trackedBody({ properties: Type.Optional(Type.Unknown()) }),
    complete: ({ before }) => ({
      properties: before?.properties ?? {
        tenantId: services.config.tenantId,
        principalId: randomUUID(),
        clientId: randomUUID(),
      },
    }),
  });
