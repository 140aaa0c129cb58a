import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { endInterrupted } from './api/endInterrupted.ts';
import { jobDownloads } from './api/jobDownloads.ts';
import { resourceProviders } from './api/resourceProviders.ts';
import type { Services } from './api/services.ts';
import { createArmServer } from './arm/server.ts';
import { BlobStore } from './blob/blobStore.ts';
import { blobPlane, blobUrl } from './blobPlane.ts';
import type { ClientFile } from './clientFile.ts';
import type { Config } from './config.ts';
import { type DataFolder, openDataFolder } from './dataFolder.ts';
import type { Database } from './db/database.ts';
import { endAllLeases } from './db/jobs.ts';
import { openDatabase } from './db/openDatabase.ts';
import { getSetting, putSetting } from './db/settings.ts';
import { allVaults } from './db/vaults.ts';
import { AuditKeeper } from './identity/auditKeeper.ts';
import { Hosts, type JobTools } from './jobs/context.ts';
import { GuestExtensions } from './jobs/guestExtension.ts';
import { JobService } from './jobs/jobService.ts';
import { Notifier } from './jobs/notify.ts';
import { reconcileMachines } from './jobs/reconcileMachines.ts';
import { JobRunners } from './jobs/runners.ts';
import { Scheduler } from './jobs/scheduler.ts';
import { readStoragePlaces } from './jobs/storagePlaces.ts';
import { compareAtStart } from './jobs/storeAgreement.ts';
import { assertRebuildComplete, takeUpRebuild } from './jobs/takeUpRebuild.ts';
import { VaultStores } from './jobs/vaultStores.ts';
import { BackgroundWork } from './lib/backgroundWork.ts';
import { type Clock, systemClock } from './lib/clock.ts';
import { createLogger, type Logger } from './lib/log.ts';
import { openImageHost } from './machine/imageHost.ts';
import { LocalImages } from './machine/localImages.ts';
import type { MachineHost } from './machine/machine.ts';
import { openQemuHost } from './machine/qemuHost.ts';
import { notifierOptions } from './notifierOptions.ts';
import { type Identity, openIdentity } from './openIdentity.ts';

/** The region of everything on this server: machines that name another are not protected by its vaults. */
export const LOCATION = 'westeurope';

export interface App extends AsyncDisposable {
  readonly data: DataFolder;
  readonly client: ClientFile;
  readonly hosts: Hosts;
}

/**
 * Composes and starts the server; disposing it stops it cleanly. `given`: instead of the hosts of the data folder.
 * Errors: Conflict, and those of each part.
 */
export async function startApp(
  config: Config,
  clock: Clock = systemClock,
  given?: readonly MachineHost[],
): Promise<App> {
  await using parts = new AsyncDisposableStack();
  const log = createLogger(config.logLevel);
  const data = parts.use(openDataFolder(config.dataFolder));
  await assertRebuildComplete(data.rebuild, data.database);
  const db = parts.use(await openDatabase({ path: data.database }));
  const hosts = new Hosts((given ?? (await openHosts(config, data, clock, log))).map((host) => parts.use(host)));
  const storage = await readStoragePlaces(config.storageFile, data.stores);
  const folders = { stores: data.stores, keys: data.keys, cache: data.cache };
  const stores = new VaultStores(folders, clock, undefined, { storage, db, log });
  const blobs = parts.use(await BlobStore.open({ folder: data.storage, clock }));
  const tools: JobTools = {
    db,
    clock,
    log,
    hosts,
    stores,
    blobs,
    workers: config.workers,
    jobHistoryDays: config.limits.jobHistoryDays,
  };
  const runners = new JobRunners(tools);
  const notifier = new Notifier(tools, await notifierOptions(config.notify));
  const scheduler = new Scheduler(tools, runners);
  await takeUpRebuild(tools, data.rebuild, LOCATION);
  await warnOfOrphanStores(db, stores, log);
  const ids = await installationIds(db);
  const identity = await openIdentity({ config, data, db, clock, log, ...ids });
  const work = parts.use(new BackgroundWork(log));
  await endInterrupted(db.queries, clock.now(), hosts.all);
  const auditKeeper = new AuditKeeper({ db, clock, log, file: data.auditHeads, keepDays: config.auditDays });
  const services: Services = {
    db,
    clock,
    access: identity.access,
    auditHeads: () => auditKeeper.heads(),
    hosts: hosts.all,
    jobs: new JobService(tools, runners),
    vaultStores: stores,
    storage: storageData(config, blobs),
    work,
    images: new LocalImages(config.imageFolder ?? data.images, log),
    log,
    config: {
      ...ids,
      location: LOCATION,
      restoreRoot: data.restores,
      limits: config.limits,
      bridges: config.bridges,
      webhookAllow: config.notify.webhookAllow,
    },
  };
  const server = await listen(config, services, identity, blobs);
  parts.defer(() => server.close());
  // The claim on the data folder makes this process the only one: jobs of a dead one need not wait for their leases.
  await endAllLeases(db.queries);
  await compareAtStart(tools);
  await reconcileMachines(tools);
  for (const loop of [runners, scheduler, auditKeeper, notifier, new GuestExtensions(tools)]) {
    loop.start();
    parts.defer(() => loop.stop());
  }
  const stop = parts.move();
  return { data, client: identity.client, hosts, [Symbol.asyncDispose]: () => stop.disposeAsync() };
}

const storageData = (config: Config, blobs: BlobStore): Services['storage'] => ({
  endpointOf: (account) => blobUrl(config, account),
  removeData: (account) => blobs.deleteAccount(account),
  fileOf: (place) => {
    const blob = blobs.blob(place);
    return blob && blobs.pathOf(blob);
  },
});

async function openHosts(config: Config, data: DataFolder, clock: Clock, log: Logger): Promise<MachineHost[]> {
  const place = async (name: string) => {
    const folder = join(data.hosts, name);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return { name, folder, stateFolder: join(data.hostState, name), diskRoots: config.diskRoots, clock, log };
  };
  const newMachine = { accelerator: config.accelerator };
  return [await openQemuHost({ ...(await place('qemu')), newMachine }), await openImageHost(await place('images'))];
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

async function listen(
  config: Config,
  services: Services,
  identity: Identity,
  blobs: BlobStore,
): Promise<FastifyInstance> {
  const server = await createArmServer({
    tls: identity.certificate.tls,
    baseUrl: config.baseUrl,
    providers: resourceProviders(services),
    publicPlugins: [...identity.plugins, jobDownloads(services)],
    besides: blobPlane({
      config,
      store: blobs,
      services,
      authenticate: identity.authenticateStorage,
      authorize: identity.authorizer.authorize,
    }),
    authenticate: identity.authenticate,
    authorize: identity.authorizer.authorize,
    holdsRole: identity.authorizer.holdsRole,
    lockedBy: identity.lockedBy,
    audit: identity.trail,
    subscriptions: [services.config.subscriptionId],
    authorizationUri: `${config.baseUrl}/${services.config.tenantId}`,
    requestsPerMinute: config.requestsPerMinute,
    log: services.log,
    clock: services.clock,
  });
  await server.listen({ host: config.address, port: config.port });
  return server;
}
