import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { resourceProviders } from './api/resourceProviders.ts';
import type { Services } from './api/services.ts';
import { createArmServer } from './arm/server.ts';
import type { Config } from './config.ts';
import { type DataFolder, openDataFolder } from './dataFolder.ts';
import type { Database } from './db/database.ts';
import { endAllLeases } from './db/jobs.ts';
import { openDatabase } from './db/openDatabase.ts';
import { getSetting, putSetting } from './db/settings.ts';
import { allVaults } from './db/vaults.ts';
import { databasePrincipals, databaseRoleAssignments } from './identity/databaseStores.ts';
import { openDevCa } from './identity/devCa.ts';
import { issuerOf, tokenIssuer } from './identity/issuer.ts';
import { openKeyRing } from './identity/keyRing.ts';
import { metadataEndpoints } from './identity/metadata.ts';
import type { PrincipalStore } from './identity/principalStore.ts';
import { createAuthorizer } from './identity/rbac.ts';
import { BUILT_IN_ROLES } from './identity/roleDefinitions.ts';
import { addSecret, createDevelopmentPrincipal, holdsSecret, type NewPrincipal } from './identity/servicePrincipals.ts';
import { armAudiences, createVerifier } from './identity/verifier.ts';
import { Hosts, type JobTools } from './jobs/context.ts';
import { JobService } from './jobs/jobService.ts';
import { reconcileMachines } from './jobs/reconcileMachines.ts';
import { JobRunners } from './jobs/runners.ts';
import { Scheduler } from './jobs/scheduler.ts';
import { readStoragePlaces } from './jobs/storagePlaces.ts';
import { compareAtStart } from './jobs/storeAgreement.ts';
import { assertRebuildComplete, takeUpRebuild } from './jobs/takeUpRebuild.ts';
import { VaultStores } from './jobs/vaultStores.ts';
import { type Clock, systemClock } from './lib/clock.ts';
import { writeFileDurably } from './lib/durableFile.ts';
import { createLogger, type Logger } from './lib/log.ts';
import { openImageHost } from './machine/imageHost.ts';
import type { MachineHost } from './machine/machine.ts';
import { openQemuHost } from './machine/qemuHost.ts';

/** The region of everything on this server: machines that name another are not protected by its vaults. */
export const LOCATION = 'westeurope';

/** What clients need to know; client.json in the data folder. */
export interface ClientFile {
  readonly endpoint: string;
  readonly caFile: string;
  readonly tenantId: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly subscriptionId: string;
}

export interface App extends AsyncDisposable {
  readonly data: DataFolder;
  readonly client: ClientFile;
  readonly hosts: Hosts;
}

/** Composes and starts the server; disposing it stops it cleanly. Errors: Conflict, and those of each part. */
export async function startApp(config: Config, clock: Clock = systemClock): Promise<App> {
  await using parts = new AsyncDisposableStack();
  const log = createLogger(config.logLevel);
  const data = parts.use(openDataFolder(config.dataFolder));
  await assertRebuildComplete(data.rebuild, data.database);
  const db = parts.use(await openDatabase({ path: data.database }));
  const hosts = new Hosts((await openHosts(config, data, clock, log)).map((host) => parts.use(host)));
  const storage = await readStoragePlaces(config.storageFile, data.stores);
  const folders = { stores: data.stores, keys: data.keys, cache: data.cache };
  const stores = new VaultStores(folders, clock, undefined, { storage, db, log });
  const tools: JobTools = { db, clock, log, hosts, stores, workers: Math.max(2, availableParallelism()) };
  const runners = new JobRunners(tools);
  const scheduler = new Scheduler(tools, runners);
  await takeUpRebuild(tools, data.rebuild, LOCATION);
  await warnOfOrphanStores(db, stores, log);
  const ids = await installationIds(db);
  const identity = await openIdentity({ config, data, db, clock, log, ...ids });
  const services: Services = {
    db,
    clock,
    hosts: hosts.all,
    jobs: new JobService(tools, runners),
    vaultStores: stores,
    log,
    config: { ...ids, location: LOCATION, restoreRoot: data.restores, limits: config.limits },
  };
  const server = await listen(config, services, identity);
  parts.defer(() => server.close());
  // The claim on the data folder makes this process the only one: jobs of a dead one need not wait for their leases.
  await endAllLeases(db.queries);
  await compareAtStart(tools);
  await reconcileMachines(tools);
  runners.start();
  parts.defer(() => runners.stop());
  scheduler.start();
  parts.defer(() => scheduler.stop());
  const stop = parts.move();
  return { data, client: identity.client, hosts, [Symbol.asyncDispose]: () => stop.disposeAsync() };
}

async function openHosts(config: Config, data: DataFolder, clock: Clock, log: Logger): Promise<MachineHost[]> {
  const place = async (name: string) => {
    const folder = join(data.hosts, name);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return { name, folder, stateFolder: join(data.hostState, name), diskRoots: config.diskRoots, clock, log };
  };
  return [await openQemuHost(await place('qemu')), await openImageHost(await place('images'))];
}

/** A lost database starts empty: the stores beside it still hold every point, and somebody must be told. */
async function warnOfOrphanStores(db: Database, stores: VaultStores, log: Logger): Promise<void> {
  const known = new Set((await allVaults(db.queries)).map(({ id }) => id));
  const orphans = (await stores.list()).filter((id) => !known.has(id));
  if (orphans.length === 0) return;
  const what =
    'stores without a vault in the database: stop the server and run `strongroom store rebuild`, see docs/lost-database.md; `strongroom store list|restore` reads them at once';
  log.warn({ folders: orphans.map((id) => stores.storeFolder(id)) }, what);
}

async function installationIds(db: Database): Promise<{ subscriptionId: string; tenantId: string }> {
  const idOf = async (name: string): Promise<string> => {
    const known = await getSetting(db.queries, name);
    if (known !== undefined) return known;
    const made = randomUUID();
    await putSetting(db.queries, name, made);
    return made;
  };
  return { subscriptionId: await idOf('subscriptionId'), tenantId: await idOf('tenantId') };
}

interface IdentityOptions {
  readonly config: Config;
  readonly data: DataFolder;
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Logger;
  readonly subscriptionId: string;
  readonly tenantId: string;
}

async function openIdentity(options: IdentityOptions) {
  const { config, data, db, clock, log, tenantId } = options;
  const { baseUrl } = config;
  const certificate = await openDevCa({
    folder: data.tls,
    clock,
    extraNames: config.host === 'localhost' ? [] : [config.host],
  });
  const keys = await openKeyRing({ folder: data.identity, clock });
  const principals = databasePrincipals(db, clock);
  const assignments = databaseRoleAssignments(db, clock);
  const audiences = armAudiences(baseUrl, true);
  const { principal, secret } = await developmentPrincipal(options, principals);
  if ((await assignments.forPrincipal(principal.objectId)).length === 0) {
    const scope = `/subscriptions/${options.subscriptionId}`;
    await assignments.save({
      id: randomUUID(),
      principalId: principal.objectId,
      roleId: BUILT_IN_ROLES.owner.id,
      scope,
    });
  }
  const client: ClientFile = {
    endpoint: baseUrl,
    caFile: certificate.caPath,
    tenantId,
    clientId: principal.appId,
    clientSecret: secret,
    subscriptionId: options.subscriptionId,
  };
  await writeFileDurably(data.client, `${JSON.stringify(client, undefined, 2)}\n`);
  return {
    certificate,
    client,
    authenticate: createVerifier({
      issuers: [{ issuer: issuerOf(baseUrl, tenantId), keys: keys.verificationKey, audiences, tokenType: 'at+jwt' }],
      clock,
    }),
    authorize: createAuthorizer({ assignments }),
    plugins: [
      tokenIssuer({ baseUrl, tenantId, keys, principals, audiences, clock, log }),
      metadataEndpoints({ baseUrl, tenantId, storageSuffix: baseUrl.replace('https://', '') }),
    ],
  };
}

/** The secret is in clear only in client.json, for the owner of the data folder; when it is lost there, a new one is made. */
async function developmentPrincipal(
  { data, clock, tenantId }: IdentityOptions,
  principals: PrincipalStore,
): Promise<NewPrincipal> {
  const made = await createDevelopmentPrincipal(principals, clock, tenantId);
  if (made) return made;
  const { clientId, clientSecret } = readClientFile(data.client);
  const known = await principals.list();
  const principal = known.find(({ appId }) => appId === clientId) ?? known[0]!;
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

async function listen(
  config: Config,
  services: Services,
  identity: Awaited<ReturnType<typeof openIdentity>>,
): Promise<FastifyInstance> {
  const server = await createArmServer({
    tls: identity.certificate.tls,
    baseUrl: config.baseUrl,
    providers: resourceProviders(services),
    publicPlugins: identity.plugins,
    authenticate: identity.authenticate,
    authorize: identity.authorize,
    authorizationUri: `${config.baseUrl}/${services.config.tenantId}`,
    log: services.log,
    clock: services.clock,
  });
  await server.listen({ host: config.address, port: config.port });
  return server;
}
