import type { FastifyInstance } from 'fastify';
import { createArmServer } from '../../arm/server.ts';
import type { Database } from '../../db/database.ts';
import { enqueueHousekeeping } from '../../db/housekeeping.ts';
import { getItem } from '../../db/items.ts';
import { enqueueJob, getJob, requestCancel, tryEnqueueBackup } from '../../db/jobs.ts';
import { openDatabase } from '../../db/openDatabase.ts';
import { BackgroundWork } from '../../lib/backgroundWork.ts';
import { CodedError, type ErrorDetail } from '../../lib/error.ts';
import { silentLogger } from '../../lib/log.ts';
import { TurnedClock } from '../../lib/turnedClock.ts';
import { backupSubTasks } from '../../vault/job.ts';
import { AZURE_LIMITS } from '../../vault/limits.ts';
import { jobDownloads } from '../jobDownloads.ts';
import type { MachineSource, MachineView } from '../machineSource.ts';
import { resourceProviders } from '../resourceProviders.ts';
import type { JobService, Services } from '../services.ts';
import { DeclaredAnswers } from './declaredAnswers.ts';
import { testAccess } from './testAccess.ts';

export const SUBSCRIPTION = '11111111-2222-3333-4444-555555555555';
export const TENANT = '99999999-8888-7777-6666-555555555555';
export const RESTORE_ROOT = '/srv/restored';

export interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests read any answer
  readonly body: any;
  readonly headers: Readonly<Record<string, string | undefined>>;
}

/** The control plane over a database in memory, hosts that are lists, and jobs that are recorded but never run. */
export interface TestServer extends AsyncDisposable {
  readonly app: FastifyInstance;
  readonly db: Database;
  readonly clock: TurnedClock;
  readonly services: Services;
  /** Machines of the host 'rack'; tests add and remove. */
  readonly machines: MachineView[];
  /** What the host 'rack' could not make machines of. */
  readonly problems: ErrorDetail[];
  readonly asked: { readonly call: string; readonly values: readonly unknown[] }[];
  /** Ids of the vaults that have a store. */
  readonly stores: Set<string>;
  /** Stores that were moved to the places of a redundancy: 'vault: redundancy'. */
  readonly placed: readonly string[];
  /** How the key of every vault is named. */
  readonly keyNames: { present: { isServerMade: boolean; keyUri: string }; next?: { keyUri: string } };
  /** What happens before a store is made. */
  readonly hooks: { beforeStore: () => Promise<void> };
  /** Actions that are refused from now on. */
  readonly denied: Set<string>;
  call(method: string, path: string, body?: unknown, apiVersion?: string): Promise<Answer>;
}

export async function testServer(
  tls = { key: '', cert: '' },
  baseUrl = 'https://vault.example:8443',
): Promise<TestServer> {
  const db = await openDatabase({ path: ':memory:' });
  const clock = new TurnedClock();
  const machines = [machine('web01'), machine('db01', { resourceGroup: 'Shop' })];
  const [asked, stores, denied]: [TestServer['asked'], Set<string>, Set<string>] = [[], new Set(), new Set()];
  const problems: ErrorDetail[] = [];
  const placed: string[] = [];
  const keyNames: TestServer['keyNames'] = { present: { isServerMade: true, keyUri: 'strongroom://keys/own' } };
  const hooks = { beforeStore: async () => {} };
  const services: Services = {
    db,
    clock,
    access: testAccess,
    auditHeads: async () => [],
    hosts: [sourceOf('rack', 'fake', machines, problems), sourceOf('shelf', 'image', [])],
    jobs: recordedJobs(db, clock, asked),
    vaultStores: {
      create: async ({ id }) => {
        await hooks.beforeStore();
        stores.add(id);
      },
      redundancyOf: async ({ redundancy }) => ({ wanted: redundancy, actual: 'LocallyRedundant', why: 'One place.' }),
      forget: () => {},
      keyNames: async () => keyNames,
      place: async ({ name, redundancy }) => void placed.push(`${name}: ${redundancy}`),
      remove: async ({ id }) => void stores.delete(id),
    },
    storage: recordedStorage(asked),
    work: new BackgroundWork(silentLogger),
    images: { list: async () => [] },
    log: silentLogger,
    config: {
      subscriptionId: SUBSCRIPTION,
      tenantId: TENANT,
      location: 'westeurope',
      restoreRoot: RESTORE_ROOT,
      limits: AZURE_LIMITS,
    },
  };
  const declared = new DeclaredAnswers();
  const app = await createArmServer({
    tls,
    baseUrl,
    providers: resourceProviders(services),
    publicPlugins: [jobDownloads(services)],
    authenticate: async () => ({ objectId: 'object-1', tenantId: TENANT, appId: 'app-1', name: 'keeper' }),
    authorize: async (_principal, action) => !denied.has(action),
    authorizationUri: `${baseUrl}/${TENANT}`,
    log: silentLogger,
    clock,
    onAnswer: declared.see,
  });
  return {
    app,
    db,
    clock,
    services,
    machines,
    problems,
    placed,
    asked,
    stores,
    hooks,
    keyNames,
    denied,
    call: async (method, path, body, apiVersion) => {
      const answer = await call(app, method, path, body, apiVersion);
      declared.assertAll();
      return answer;
    },
    [Symbol.asyncDispose]: async () => {
      await app.close();
      await services.work[Symbol.asyncDispose]();
      await db[Symbol.asyncDispose]();
      declared.assertAll();
    },
  };
}

export const machine = (name: string, more: Partial<MachineView> = {}): MachineView => ({
  host: 'rack',
  name,
  resourceGroup: 'Shop',
  location: 'westeurope',
  tags: {},
  vmId: `00000000-0000-0000-0000-${name.padStart(12, '0')}`,
  powerState: 'running',
  osType: 'Linux',
  osName: 'Debian GNU/Linux',
  osVersion: '12',
  agent: { status: 'ready', version: '7.2' },
  disks: [
    { lun: -1, name: `${name}-os`, sizeBytes: 8 * 2 ** 30 },
    { lun: 0, name: `${name}-data`, sizeBytes: 64 * 2 ** 30 },
  ],
  ...more,
});

async function call(
  app: FastifyInstance,
  method: string,
  path: string,
  body?: unknown,
  apiVersion = '2025-02-01',
): Promise<Answer> {
  const url = path.startsWith('https:')
    ? path.replace(/^https:\/\/[^/]+/, '')
    : `${path}${path.includes('?') ? '&' : '?'}api-version=${apiVersion}`;
  const response = await app.inject({
    method: method as 'GET',
    url,
    headers: { authorization: 'Bearer any', ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { payload: JSON.stringify(body) }),
  });
  const headers = response.headers as Record<string, string | undefined>;
  return { status: response.statusCode, headers, body: response.body === '' ? undefined : response.json() };
}

const sourceOf = (
  name: string,
  kind: string,
  machines: readonly MachineView[],
  problems: readonly ErrorDetail[] = [],
): MachineSource => ({
  name,
  kind,
  list: async () => ({ machines, problems: [] }),
  find: async (ref) => {
    const found = machines.find((one) => key(one) === key(ref));
    if (found) return found;
    throw new CodedError('BCMV2VMNotFound', `There is no machine '${ref.name}'.`, { details: problems });
  },
});

const key = (ref: { readonly resourceGroup: string; readonly name: string }): string =>
  `${ref.resourceGroup}/${ref.name}`.toLowerCase();

const recordedStorage = (asked: TestServer['asked']): Services['storage'] => ({
  endpointOf: (account) => `https://${account}.blob.vault.example:8443/`,
  removeData: async (account) => void asked.push({ call: 'removeData', values: [account] }),
  fileOf: () => undefined,
});

const recordedJobs = (db: Database, clock: TurnedClock, asked: TestServer['asked']): JobService => {
  const newJob = async (itemId: string) => {
    const item = await getItem(db.queries, itemId);
    if (!item) throw new Error(`no item ${itemId}`);
    return {
      vaultId: item.vaultId,
      itemId,
      entityFriendlyName: item.vmName,
      isUserTriggered: true,
      startedBy: 'object-1',
      startTime: clock.now(),
    };
  };
  return {
    requestBackup: async (itemId, request) => {
      asked.push({ call: 'requestBackup', values: [itemId, request] });
      const job = await tryEnqueueBackup(db.queries, {
        ...(await newJob(itemId)),
        operation: 'Backup',
        subTasks: backupSubTasks(),
      });
      return job.id;
    },
    requestRestore: async (itemId, pointId, target, by) => {
      asked.push({ call: 'requestRestore', values: [itemId, pointId, target, by] });
      const operation = target.fromSecondary ? 'CrossRegionRestore' : 'Restore';
      return (await enqueueJob(db.queries, { ...(await newJob(itemId)), operation })).id;
    },
    requestHousekeeping: async ({ id: vaultId, name: entityFriendlyName }, operation, request) => {
      asked.push({ call: 'requestHousekeeping', values: [vaultId, operation, request] });
      const job = { vaultId, operation, entityFriendlyName, isUserTriggered: true, startedBy: 'object-1' };
      return (await enqueueHousekeeping(db.queries, { ...job, startTime: clock.now() })).id;
    },
    switchCopy: async (vaultId, to) => void asked.push({ call: 'switchCopy', values: [vaultId, to] }),
    retry: async (jobId, by) => {
      asked.push({ call: 'retry', values: [jobId, by] });
      const job = await getJob(db.queries, jobId);
      if (job?.itemId === undefined) throw new Error(`no backup ${jobId}`);
      const again = { ...(await newJob(job.itemId)), operation: 'Backup' as const, subTasks: backupSubTasks() };
      return (await tryEnqueueBackup(db.queries, again)).id;
    },
    cancel: async (jobId) => {
      asked.push({ call: 'cancel', values: [jobId] });
      await requestCancel(db.queries, jobId);
    },
  };
};
