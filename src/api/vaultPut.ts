import { isDeepStrictEqual } from 'node:util';
import type { ArmContext } from '../arm/route.ts';
import { putPolicy } from '../db/policies.ts';
import type { Queries } from '../db/schema.ts';
import { countVaults, findVault, hasItems, insertVault, listVaults, updateVault } from '../db/vaults.ts';
import { CodedError } from '../lib/error.ts';
import { DEFAULT_POLICY_NAME, defaultPolicy, ENHANCED_POLICY_NAME, enhancedPolicy } from '../vault/defaultPolicies.ts';
import type { PolicyRules } from '../vault/policy.ts';
import type { Vault } from '../vault/vault.ts';
import { newVault } from '../vault/vaultRules.ts';
import type { VaultPatch, VaultPut } from './body/vault.ts';
import { sameName } from './ids.ts';
import { requireVault, type VaultParams } from './lookups.ts';
import { demandSecondConsent } from './multiUser.ts';
import type { Services } from './services.ts';
import { etagOf, vaultToWire } from './toWire/vault.ts';
import { changedVault, criticalChanges } from './vaultChange.ts';
import { askedOfVault, type EncryptionChange, encryptionChange } from './vaultEncryption.ts';
import { type FoundIdentities, findIdentities } from './vaultIdentity.ts';

/** What of a request decides beside its path and body. */
export type VaultCaller = Pick<ArmContext, 'can' | 'demand' | 'header' | 'path' | 'principal' | 'requestedAt'>;

/** Errors: those of `changedVault`, PreconditionFailed, BMSUserErrorEncryptionSettingsInvalid, VaultNameNotUnique. */
export async function putVault(
  services: Services,
  caller: VaultCaller,
  params: VaultParams,
  location: string,
  body: VaultPut,
): Promise<{ vault: Vault; isNew: boolean }> {
  const before = await findVault(
    services.db.queries,
    params.subscriptionId,
    params.resourceGroupName,
    params.vaultName,
  );
  if (before) {
    requireSameLocation(before, location);
    // a PUT says all tags; its other parts leave alone what they do not name
    return { vault: await patchVault(services, caller, params, { ...body, tags: body.tags ?? {} }), isNew: false };
  }
  const identities = await findIdentities(services, caller, body.identity);
  return { vault: await createVault(services, { params, location, body, identities }), isNew: true };
}

/** Errors: as `putVault`, and those of the vault's resource guard. */
export async function patchVault(
  services: Services,
  caller: VaultCaller,
  params: VaultParams,
  body: VaultPut | VaultPatch,
): Promise<Vault> {
  const { db, clock } = services;
  const known = await requireVault(services, params);
  const identities = await findIdentities(services, caller, body.identity);
  const change = await changeOfEncryption(services, known, body);
  const requests = body.properties?.resourceGuardOperationRequests;
  const vault = await db.transaction(async (tx) => {
    const before = await requireVault(services, params, tx);
    requireEtag(caller, before);
    const given = { hasItems: await hasItems(tx, before.id), now: clock.now(), identities };
    const changed = changedVault(before, body, given);
    const after = change ? { ...changed, encryption: change.encryption } : changed;
    // a client that sends back what it read changes nothing, and the etag stays
    if (isSame(services, before, after)) return before;
    for (const operation of criticalChanges(before, after))
      await demandSecondConsent(tx, caller, before, operation, requests);
    if (change) await demandSecondConsent(tx, caller, before, 'modifyEncryptionSettings', requests);
    await updateVault(tx, after);
    return after;
  });
  if (change?.rotates) await rotateKey(services, caller, vault);
  await place(services, vault);
  return vault;
}

/** To whoever reads it. */
const isSame = ({ config }: Services, before: Vault, after: Vault): boolean => {
  const content = (vault: Vault) => ({ ...vaultToWire(vault, config.tenantId), etag: undefined });
  return isDeepStrictEqual(content(before), content(after));
};

/** Asks for the job that changes the vault's key to the one made ready for it. */
export const rotateKey = ({ jobs }: Services, { principal }: Pick<VaultCaller, 'principal'>, vault: Vault) =>
  jobs.requestHousekeeping(vault, 'RotateKeys', {
    parameters: { what: 'changeKey' },
    by: { objectId: principal.objectId, name: principal.name },
  });

/** A vault is changed only as the caller knew it, when he says how he knew it. Errors: PreconditionFailed. */
export function requireEtag({ header }: Pick<ArmContext, 'header'>, vault: Vault | undefined): void {
  const [wanted, unwanted] = [header('if-match'), header('if-none-match')];
  const isKnown = (etags: string): boolean =>
    vault !== undefined && etags.split(',').some((etag) => ['*', etagOf(vault)].includes(etag.trim()));
  if ((wanted === undefined || isKnown(wanted)) && (unwanted === undefined || !isKnown(unwanted))) return;
  throw new CodedError(
    'PreconditionFailed',
    `The vault is not as the request expects it: its etag is ${vault ? etagOf(vault) : 'none, there is no such vault'}.`,
    {
      target: wanted === undefined ? 'If-None-Match' : 'If-Match',
      recommendations: ['Read the vault, then ask again.'],
    },
  );
}

export const showVault = async ({ config, vaultStores }: Services, vault: Vault) =>
  vaultToWire(vault, config.tenantId, await vaultStores.redundancyOf(vault));

/** Errors: VaultNameNotUnique. */
export async function requireFreeName(tx: Queries, params: Pick<VaultParams, 'subscriptionId' | 'vaultName'>) {
  if ((await countVaults(tx, params.subscriptionId, params.vaultName)) === 0) return;
  const others = await listVaults(tx, params.subscriptionId);
  const taken = others.find((other) => sameName(other.name, params.vaultName));
  throw new CodedError(
    'VaultNameNotUnique',
    `A vault of the name '${taken?.name}' exists in the resource group '${taken?.resourceGroup}'; the name must be unique in the subscription.`,
    { target: 'vaultName' },
  );
}

/** Errors: UserErrorVaultLimitReached. */
export async function requireRoomForVault({ config }: Services, tx: Queries): Promise<void> {
  const count = await countVaults(tx, config.subscriptionId);
  if (count < config.limits.vaults) return;
  throw new CodedError(
    'UserErrorVaultLimitReached',
    `The subscription has ${count} vaults in '${config.location}'; at most ${config.limits.vaults} are possible.`,
    { target: 'vaultName', recommendations: ['Delete a vault, or let the operator raise the limit "vaults".'] },
  );
}

/** A vault without items gets the places of its redundancy at once; with the first item they are fixed. */
export async function place({ db, vaultStores }: Services, vault: Vault): Promise<void> {
  // the places lock as the immutability says, and that may have changed
  vaultStores.forget(vault.id);
  if (!(await hasItems(db.queries, vault.id))) await vaultStores.place(vault);
}

async function changeOfEncryption(
  services: Services,
  vault: Vault,
  body: VaultPut | VaultPatch,
): Promise<EncryptionChange | undefined> {
  const sent = body.properties?.encryption;
  if (!sent?.keyVaultProperties) return undefined;
  const isShown = sent.keyVaultProperties.keyUri === vault.encryption?.keyUri && !sent.kekIdentity;
  if (vault.encryption && isShown) return undefined; // as it was read
  return encryptionChange(services, vault, askedOfVault(sent), await hasItems(services.db.queries, vault.id));
}

interface Creation {
  readonly params: VaultParams;
  readonly location: string;
  readonly body: VaultPut;
  readonly identities: FoundIdentities;
}

async function createVault(services: Services, creation: Creation): Promise<Vault> {
  const { db, vaultStores } = services;
  const { params, body } = creation;
  await requireRoomForVault(services, db.queries);
  await requireFreeName(db.queries, params);
  const fresh = createdVault(services, creation);
  // The store comes first: a vault that is listed can take backups. Another request may take the name meanwhile.
  await vaultStores.create(fresh);
  await using undo = new AsyncDisposableStack();
  undo.defer(() => vaultStores.remove(fresh));
  const vault = await withKeyName(services, fresh, body);
  await db.transaction(async (tx) => {
    await requireRoomForVault(services, tx);
    await requireFreeName(tx, params);
    await insertVault(tx, vault);
    await putPolicy(tx, namedPolicy(services, vault, DEFAULT_POLICY_NAME, defaultPolicy));
    await putPolicy(tx, namedPolicy(services, vault, ENHANCED_POLICY_NAME, enhancedPolicy));
  });
  undo.move();
  return vault;
}

/** A vault whose key the operator chose for all new vaults says so from the start. Errors: BMSUserErrorEncryptionSettingsInvalid. */
async function withKeyName(services: Services, vault: Vault, body: VaultPut): Promise<Vault> {
  const change = await changeOfEncryption(services, vault, body);
  if (change) return { ...vault, encryption: change.encryption };
  const { present } = await services.vaultStores.keyNames(vault.id);
  if (present.isServerMade) return vault;
  return { ...vault, encryption: { keyUri: present.keyUri, updatedAt: vault.createdAt } };
}

function createdVault(services: Services, { params, location, body, identities }: Creation): Vault {
  const now = services.clock.now();
  const fresh = newVault(
    {
      id: crypto.randomUUID(),
      subscriptionId: services.config.subscriptionId,
      resourceGroup: params.resourceGroupName,
      name: params.vaultName,
      location,
      tags: body.tags ?? {},
    },
    now,
  );
  return { ...changedVault(fresh, body, { hasItems: false, now, identities }), updatedAt: now };
}

function requireSameLocation(vault: Vault, location: string): void {
  if (sameName(vault.location, location)) return;
  throw new CodedError(
    'InvalidResourceLocation',
    `The resource '${vault.name}' already exists in location '${vault.location}' in resource group '${vault.resourceGroup}'. A resource with the same name cannot be created in location '${location}'. Please select a new resource name.`,
    { target: 'location' },
  );
}

function namedPolicy(services: Services, vault: Vault, name: string, rules: (now: number) => PolicyRules) {
  const now = services.clock.now();
  return {
    ...rules(now),
    id: crypto.randomUUID(),
    vaultId: vault.id,
    name,
    version: 1,
    createdAt: now,
    updatedAt: now,
  };
}
