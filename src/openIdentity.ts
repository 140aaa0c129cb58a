import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { FastifyPluginAsync } from 'fastify';
import type { Access } from './arm/access.ts';
import type { Authenticate } from './arm/principal.ts';
import { certificateNames } from './blobPlane.ts';
import type { ClientFile } from './clientFile.ts';
import type { Config } from './config.ts';
import type { DataFolder } from './dataFolder.ts';
import type { Database } from './db/database.ts';
import { usableOwners } from './db/owners.ts';
import { auditTrail, type Trail } from './identity/auditTrail.ts';
import { databasePrincipals, databaseRoleAssignments } from './identity/databaseStores.ts';
import { openDevCa, type ServerIdentity } from './identity/devCa.ts';
import { directory } from './identity/directory.ts';
import { graph, graphAudiences } from './identity/graph.ts';
import { issuerOf, tokenIssuer } from './identity/issuer.ts';
import { openKeyRing } from './identity/keyRing.ts';
import { lockedBy } from './identity/lockedBy.ts';
import { metadataEndpoints } from './identity/metadata.ts';
import { openOutsideIssuers } from './identity/outsideIssuers.ts';
import type { PrincipalStore, ServicePrincipal } from './identity/principalStore.ts';
import { type Authorizer, createAuthorizer } from './identity/rbac.ts';
import { BUILT_IN_ROLES } from './identity/roleDefinitions.ts';
import { addSecret, createServicePrincipal, holdsSecret, type NewPrincipal } from './identity/servicePrincipals.ts';
import { armAudiences, createVerifier, STORAGE_AUDIENCES, stillWelcome } from './identity/verifier.ts';
import type { Clock } from './lib/clock.ts';
import { writeFileDurably } from './lib/durableFile.ts';
import type { Logger } from './lib/log.ts';

export interface IdentityOptions {
  readonly config: Config;
  readonly data: DataFolder;
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Logger;
  readonly subscriptionId: string;
  readonly tenantId: string;
}

/** Who may come in, what they may do, and the record of it. */
export interface Identity {
  readonly certificate: ServerIdentity;
  readonly client: ClientFile;
  readonly access: Access;
  readonly authenticate: Authenticate;
  /** For the blob endpoint: tokens for storage come in too. */
  readonly authenticateStorage: Authenticate;
  readonly authorizer: Authorizer;
  readonly lockedBy: ReturnType<typeof lockedBy>;
  readonly trail: Trail;
  readonly plugins: readonly FastifyPluginAsync[];
}

const DEVELOPMENT = 'development';

/** Errors: InvalidParameter, for a configuration of outside issuers that cannot be used. */
export async function openIdentity(options: IdentityOptions): Promise<Identity> {
  const { config, data, db, clock, log, tenantId, subscriptionId } = options;
  const { baseUrl } = config;
  const certificate = await openDevCa({ folder: data.tls, clock, extraNames: certificateNames(config) });
  const keys = await openKeyRing({ folder: data.identity, clock });
  const principals = databasePrincipals(db, clock);
  const authorizer = createAuthorizer({ assignments: databaseRoleAssignments(db, clock) });
  const audiences = armAudiences(baseUrl, true);
  const client = await writeClientFile(options, principals, certificate.caPath);
  const trail = auditTrail({ db, clock, log });
  const own = { issuer: issuerOf(baseUrl, tenantId), keys: keys.verificationKey, tokenType: 'at+jwt' };
  const accept = stillWelcome(principals);
  const outside = await openOutsideIssuers(config.oidcFile, { clock, log, principals });
  const who = directory({ db, clock, tenantId, subscriptionId });
  return {
    certificate,
    client,
    access: { builtInRoles: Object.values(BUILT_IN_ROLES), rolesAt: authorizer.rolesAt, directory: who },
    authenticate: createVerifier({ issuers: [{ ...own, audiences, accept }, ...outside], clock }),
    authenticateStorage: createVerifier({
      issuers: [{ ...own, audiences: [...audiences, ...STORAGE_AUDIENCES], accept }, ...outside],
      clock,
    }),
    authorizer,
    lockedBy: lockedBy(db),
    trail,
    plugins: [
      tokenIssuer({
        ...{ baseUrl, tenantId, keys, principals, db, clock, log },
        audiences: [...audiences, ...graphAudiences(baseUrl), ...STORAGE_AUDIENCES],
        onSignIn: trail.signIn,
      }),
      metadataEndpoints({ baseUrl, tenantId, storageSuffix: baseUrl.replace('https://', '') }),
      graph({
        ...{ baseUrl, directory: who, authorizer, trail, subscriptionId },
        authenticate: createVerifier({ issuers: [{ ...own, audiences: graphAudiences(baseUrl), accept }], clock }),
      }),
    ],
  };
}

/**
 * The secret is in clear only in client.json, for the owner of the data folder; when it is lost there, a new one is
 * made. A development principal that was deleted or disabled stays so, as long as somebody else is owner.
 */
async function writeClientFile(
  options: IdentityOptions,
  principals: PrincipalStore,
  caFile: string,
): Promise<ClientFile> {
  const { config, data, db, clock, tenantId, subscriptionId } = options;
  const owners = await usableOwners(db.queries, subscriptionId);
  const found = await developmentPrincipal(options, principals);
  const isNeeded = found === undefined && owners.length === 0;
  const used = isNeeded
    ? await createServicePrincipal(principals, clock, { tenantId, displayName: DEVELOPMENT })
    : found;
  if (used !== undefined && owners.length === 0) {
    await databaseRoleAssignments(db, clock).save({
      id: randomUUID(),
      principalId: used.principal.objectId,
      roleId: BUILT_IN_ROLES.owner.id,
      scope: `/subscriptions/${subscriptionId}`,
    });
  }
  const client: ClientFile = {
    endpoint: config.baseUrl,
    caFile,
    tenantId,
    clientId: used?.principal.appId ?? '',
    clientSecret: used?.secret ?? '',
    subscriptionId,
  };
  await writeFileDurably(data.client, `${JSON.stringify(client, undefined, 2)}\n`);
  return client;
}

async function developmentPrincipal(
  { data, clock }: IdentityOptions,
  principals: PrincipalStore,
): Promise<NewPrincipal | undefined> {
  const { clientId = '', clientSecret } = readClientFile(data.client);
  const isUsable = (one: ServicePrincipal | undefined) => one !== undefined && one.disabled !== true;
  const named = await principals.findByAppId(clientId);
  const principal = isUsable(named)
    ? named
    : (await principals.list()).find((one) => one.displayName === DEVELOPMENT && isUsable(one));
  if (principal === undefined) return undefined;
  const isValid = clientSecret !== undefined && holdsSecret(principal, clientSecret, clock.now());
  return { principal, secret: isValid ? clientSecret : await addSecret(principals, clock, principal) };
}

function readClientFile(path: string): Partial<ClientFile> {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Partial<ClientFile>;
  } catch {
    return {}; // made anew
  }
}
