import { Type } from 'typebox';
import { noContent, ok } from '../arm/respond.ts';
import { type ArmContext, defineRoutes, type RouteTable, route } from '../arm/route.ts';
import { raiseAlert } from '../db/alerts.ts';
import { findArmResource } from '../db/armResources.ts';
import { updateVault } from '../db/vaults.ts';
import { putVaultToken } from '../db/vaultTokens.ts';
import { isoTime } from '../lib/clock.ts';
import { CodedError } from '../lib/error.ts';
import { vaultArmId } from '../vault/armIds.ts';
import { GUARD_TYPE, GUARDED_OPERATIONS, requestIdOf, watchedOperations } from '../vault/resourceGuard.ts';
import type { GuardLink, Vault } from '../vault/vault.ts';
import { after } from '../vault/vaultRules.ts';
import { BACKUP_VERSIONS } from './apiVersions.ts';
import { IGNORED, resourceBody } from './body/resourceBody.ts';
import { GUARD_REQUESTS } from './body/vault.ts';
import { sameName } from './ids.ts';
import { normalLocation } from './locations.ts';
import { requireVault, resourceNotFound } from './lookups.ts';
import {
  demandSecondConsent,
  exclusionsOf,
  GUARD_ACTION,
  guardOver,
  requireConsent,
  unlockSubject,
} from './multiUser.ts';
import { VAULT_PATH } from './paths.ts';
import type { Services } from './services.ts';

const TYPE = 'Microsoft.RecoveryServices/vaults/backupResourceGuardProxies';
const ACTION = 'Microsoft.RecoveryServices/Vaults/backupResourceGuardProxies';
/** Backup roles have no action of its own for it, and az asks before most changes: reading the vault is enough. */
const READ = 'Microsoft.RecoveryServices/Vaults/read';
const PROXIES = `${VAULT_PATH}/backupResourceGuardProxies` as const;
const PROXY = `${PROXIES}/{proxyName}` as const;
const UNLOCKED_MS = 10 * 60 * 1000;

const PUT_BODY = resourceBody(
  Type.Object(
    {
      resourceGuardResourceId: Type.String({ minLength: 1, maxLength: 1024 }),
      resourceGuardOperationDetails: IGNORED,
      lastUpdatedTime: IGNORED,
      description: IGNORED,
    },
    { additionalProperties: false },
  ),
);
const UNLOCK_BODY = Type.Object(
  {
    resourceGuardOperationRequests: GUARD_REQUESTS,
    resourceToBeDeleted: Type.Optional(Type.String({ maxLength: 2048 })),
  },
  { additionalProperties: false },
);

/** Which resource guard watches over a vault: one at most. */
export const backupResourceGuardProxies = (services: Services): RouteTable =>
  defineRoutes({
    type: TYPE,
    apiVersions: BACKUP_VERSIONS,
    routes: [...reads(services), put(services), remove(services), unlock(services)],
  });

const reads = (services: Services) => [
  route({
    method: 'GET',
    path: PROXIES,
    action: READ,
    summary: 'Lists the resource guards of a vault: one, or none.',
    async handler(context) {
      const vault = await requireVault(services, context.params);
      return context.list(vault.guard ? [await toWire(services, vault, vault.guard)] : []);
    },
  }),
  route({
    method: 'GET',
    path: PROXY,
    action: READ,
    summary: 'Gets the resource guard of a vault.',
    async handler({ params }) {
      const { vault, link } = requireLink(await requireVault(services, params), params.proxyName);
      return ok(await toWire(services, vault, link));
    },
  }),
];

const put = (services: Services) =>
  route({
    method: 'PUT',
    path: PROXY,
    action: `${ACTION}/write`,
    summary: 'Puts a vault under a resource guard.',
    body: PUT_BODY,
    async handler(context) {
      const { params, body } = context;
      const guardId = body.properties.resourceGuardResourceId.replace(/\/+$/, '');
      await requireVault(services, params);
      await context.demand(`${GUARD_ACTION}/read`, guardId);
      const { vault, link } = await services.db.transaction(async (tx) => {
        const before = await requireVault(services, params, tx);
        const guard = await findArmResource(tx, guardId);
        if (!guard || guard.type !== GUARD_TYPE) throw noGuard(guardId);
        requireSameRegion(before, guard.location ?? '');
        if (before.guard && sameName(before.guard.guardId, guard.id)) return { vault: before, link: before.guard };
        // another guard in its place is the end of the first
        if (before.guard) await demandSecondConsent(tx, pathOf(context, before), before, 'removeGuard', undefined);
        const now = services.clock.now();
        const made: GuardLink = { proxyName: params.proxyName, guardId: guard.id, linkedAt: now };
        const changed: Vault = { ...before, guard: made, updatedAt: after(before, now) };
        await updateVault(tx, changed);
        return { vault: changed, link: made };
      });
      return ok(await toWire(services, vault, link));
    },
  });

const remove = (services: Services) =>
  route({
    method: 'DELETE',
    path: PROXY,
    action: `${ACTION}/delete`,
    summary: 'Takes the resource guard off a vault, after unlockDelete.',
    async handler(context) {
      const { params } = context;
      return services.db.transaction(async (tx) => {
        const vault = await requireVault(services, params, tx);
        if (!vault.guard || !sameName(vault.guard.proxyName, params.proxyName)) return noContent();
        await demandSecondConsent(tx, pathOf(context, vault), vault, 'removeGuard', undefined);
        const { guard, ...rest } = vault;
        const now = services.clock.now();
        await updateVault(tx, { ...rest, updatedAt: after(vault, now) });
        await raiseAlert(tx, {
          kind: 'MultiUserAuthorizationDisabled',
          vaultId: vault.id,
          about: vault.name,
          description: `The resource guard '${guard.guardId}' was taken off the vault by '${context.principal.name}'.`,
          at: now,
        });
        return { status: 200 };
      });
    },
  });

const unlock = (services: Services) =>
  route({
    method: 'POST',
    path: `${PROXY}/unlockDelete`,
    // It takes a role on the guard, and what it unlocks an action of its own: backup roles have none for this.
    action: READ,
    summary: 'Lets the caller delete one resource of a guarded vault, once and for ten minutes.',
    body: UNLOCK_BODY,
    async handler(context) {
      const { params, body, principal, requestedAt } = context;
      const { vault, link } = requireLink(await requireVault(services, params), params.proxyName);
      const proxy = proxyId(vault, link);
      const resource = body.resourceToBeDeleted ?? proxy;
      const operation = sameName(resource.replace(/\/+$/, ''), proxy) ? 'removeGuard' : 'deleteProtection';
      if (operation === 'deleteProtection') requireItemOf(vault, resource);
      const expiresAt = requestedAt + UNLOCKED_MS;
      await services.db.transaction(async (tx) => {
        const guard = await guardOver(tx, vault, operation);
        if (guard) await requireConsent(context, vault, guard, operation, body.resourceGuardOperationRequests);
        const subject = unlockSubject(principal.objectId, resource);
        await putVaultToken(tx, { vaultId: vault.id, kind: 'unlock', subject }, { now: requestedAt, expiresAt });
      });
      return ok({ unlockDeleteExpiryTime: isoTime(expiresAt) });
    },
  });

/** The proxy in the vault's own spelling: what was unlocked is found again, however the path is written. */
const pathOf = (context: ArmContext, vault: Vault): ArmContext =>
  vault.guard ? { ...context, path: proxyId(vault, vault.guard) } : context;

const proxyId = (vault: Vault, { proxyName }: GuardLink): string =>
  `${vaultArmId(vault)}/backupResourceGuardProxies/${proxyName}`;

/** Errors: ResourceNotFound. */
function requireLink(vault: Vault, proxyName: string): { vault: Vault; link: GuardLink } {
  if (vault.guard && sameName(vault.guard.proxyName, proxyName)) return { vault, link: vault.guard };
  throw resourceNotFound(TYPE, `${vault.name}/${proxyName}`, vault.resourceGroup);
}

/** Errors: BadRequest. */
function requireItemOf(vault: Vault, resource: string): void {
  const prefix = `${vaultArmId(vault)}/backupFabrics/`;
  if (resource.toLowerCase().startsWith(prefix.toLowerCase())) return;
  throw new CodedError(
    'BadRequest',
    `resourceToBeDeleted is '${resource.slice(0, 512)}'; legal is the id of a protected item of this vault, which begins with '${prefix}', or of its resource guard proxy.`,
    { target: 'resourceToBeDeleted' },
  );
}

function requireSameRegion(vault: Vault, location: string): void {
  if (normalLocation(vault.location) === normalLocation(location)) return;
  throw new CodedError(
    'BadRequest',
    `The resource guard is in '${location}', the vault in '${vault.location}'; both must be in one location.`,
    { target: 'properties.resourceGuardResourceId' },
  );
}

const noGuard = (guardId: string): CodedError =>
  new CodedError('ResourceNotFound', `The resource guard '${guardId.slice(0, 512)}' was not found.`, {
    target: 'properties.resourceGuardResourceId',
  });

async function toWire({ db }: Services, vault: Vault, link: GuardLink): Promise<object> {
  const guard = await findArmResource(db.queries, link.guardId);
  return {
    id: proxyId(vault, link),
    name: link.proxyName,
    type: TYPE,
    properties: {
      resourceGuardResourceId: link.guardId,
      resourceGuardOperationDetails: watchedOperations(exclusionsOf(guard?.properties)).map((operation) => ({
        vaultCriticalOperation: GUARDED_OPERATIONS[operation].vaultOperation,
        defaultResourceRequest: requestIdOf(link.guardId, operation),
      })),
      lastUpdatedTime: isoTime(link.linkedAt),
      description: 'Critical operations on this vault need a role on its resource guard.',
    },
  };
}
