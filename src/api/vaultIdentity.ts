import type { ArmContext } from '../arm/route.ts';
import { findArmResource } from '../db/armResources.ts';
import { CodedError } from '../lib/error.ts';
import type { JsonObject } from '../vault/json.ts';
import type { VaultPatch } from './body/vault.ts';
import { sameName } from './ids.ts';
import type { Services } from './services.ts';

const TYPE = 'Microsoft.ManagedIdentity/userAssignedIdentities';
const LEGAL = "legal are 'None', 'SystemAssigned', 'UserAssigned' and 'SystemAssigned, UserAssigned'";

/** What a vault shows of a user-assigned identity. */
export interface AssignedIdentity {
  readonly principalId: string;
  readonly clientId: string;
}

export type FoundIdentities = ReadonlyMap<string, AssignedIdentity>;

/**
 * The user-assigned identities that a request gives to a vault, by their ids as sent. Errors: ResourceNotFound,
 * AuthorizationFailed: to give an identity away is more than to write the vault.
 */
export async function findIdentities(
  { db }: Pick<Services, 'db'>,
  context: Pick<ArmContext, 'demand'>,
  sent: VaultPatch['identity'],
): Promise<FoundIdentities> {
  const given = Object.entries(sent?.userAssignedIdentities ?? {}).filter(([, value]) => value !== null);
  const found = new Map<string, AssignedIdentity>();
  for (const [id] of given) {
    const identity = await findArmResource(db.queries, id);
    if (!identity || !sameName(identity.type, TYPE)) throw notFound(id);
    await context.demand(`${TYPE}/assign/action`, id);
    const { principalId, clientId } = identity.properties;
    found.set(id, { principalId: String(principalId), clientId: String(clientId) });
  }
  return found;
}

/**
 * Identities that were there stay, unless they are named with null; the type follows from what is left. A system
 * identity keeps its principal until it is taken away. Errors: BadRequest.
 */
export function changedIdentity(
  before: JsonObject | undefined,
  sent: VaultPatch['identity'],
  found: FoundIdentities,
): { identity?: JsonObject } {
  if (!sent) return before ? { identity: before } : {};
  const types = typesOf(sent.type ?? String(before?.type ?? 'None'));
  const assigned = new Map(
    types.includes('userassigned') ? Object.entries((before?.userAssignedIdentities as JsonObject) ?? {}) : [],
  );
  for (const [id, value] of Object.entries(sent.userAssignedIdentities ?? {})) {
    const known = [...assigned.keys()].find((other) => sameName(other, id));
    if (value === null) assigned.delete(known ?? id);
    else assigned.set(known ?? id, { ...found.get(id) });
  }
  if (types.includes('userassigned') && assigned.size === 0 && sent.userAssignedIdentities === undefined)
    throw new CodedError(
      'BadRequest',
      "identity.type has 'UserAssigned', so identity.userAssignedIdentities must name one.",
      {
        target: 'identity.userAssignedIdentities',
      },
    );
  const isSystem = types.includes('systemassigned');
  const words = [isSystem ? 'SystemAssigned' : '', assigned.size > 0 ? 'UserAssigned' : ''];
  const wasSystem = String(before?.type ?? '').startsWith('SystemAssigned');
  const principalId = wasSystem ? before?.principalId : crypto.randomUUID();
  return {
    identity: {
      type: words.filter((word) => word !== '').join(', ') || 'None',
      ...(isSystem && principalId !== undefined ? { principalId } : {}),
      ...(assigned.size > 0 ? { userAssignedIdentities: Object.fromEntries(assigned) } : {}),
    },
  };
}

function typesOf(type: string): readonly string[] {
  const types = type
    .toLowerCase()
    .split(',')
    .map((word) => word.trim());
  const unknown = types.find((word) => !['none', 'systemassigned', 'userassigned'].includes(word));
  if (unknown === undefined) return types;
  throw new CodedError('BadRequest', `identity.type names '${unknown.slice(0, 64)}'; ${LEGAL}.`, {
    target: 'identity.type',
  });
}

const notFound = (id: string): CodedError =>
  new CodedError('ResourceNotFound', `The user-assigned identity '${id.slice(0, 512)}' was not found.`, {
    target: 'identity.userAssignedIdentities',
    recommendations: ['Make it first: az identity create.'],
  });
