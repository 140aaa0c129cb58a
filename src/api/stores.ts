import { type TObject, Type } from 'typebox';
import { ok } from '../arm/respond.ts';
import { defineRoutes, type RouteTable, route } from '../arm/route.ts';
import { listJobs } from '../db/jobList.ts';
import { getJob } from '../db/jobs.ts';
import { countDamagedPacks, storedBytes } from '../db/packs.ts';
import { getStoreState } from '../db/storeStates.ts';
import { COPY_SWITCHES, type CopySwitch } from '../jobs/jobService.ts';
import { KEY_ROTATIONS } from '../jobs/rotateKeys.ts';
import { CodedError } from '../lib/error.ts';
import { vaultArmId } from '../vault/armIds.ts';
import { HOUSEKEEPING_OPERATIONS, type HousekeepingOperation } from '../vault/job.ts';
import type { JsonObject } from '../vault/json.ts';
import type { Vault } from '../vault/vault.ts';
import { BACKUP_VERSIONS } from './apiVersions.ts';
import { requireVault } from './lookups.ts';
import { VAULT_PATH } from './paths.ts';
import type { Services } from './services.ts';
import { storeJobToWire, withIsoTimes } from './toWire/store.ts';
import type { Store, StoreActions, StoreProperties } from './wire/store.ts';

const TYPE = 'Microsoft.RecoveryServices/vaults/stores';
const STORE = `${VAULT_PATH}/stores/default` as const;
const NOTHING = Type.Object({}, { additionalProperties: false });
const FLAG = Type.Optional(Type.Boolean());

interface StoreAction {
  readonly operation: HousekeepingOperation;
  readonly summary: string;
  readonly body: TObject;
  /** Parameters of the job that a request does not choose. */
  readonly fixed?: JsonObject;
}

/** What can be asked for besides what the scheduler asks for by itself. */
const ACTIONS: Readonly<Record<keyof StoreActions, StoreAction>> = {
  collect: {
    operation: 'Collect',
    summary: 'Frees what no recovery point needs any more, or tells what it would free.',
    body: Type.Object({ dryRun: FLAG, approved: FLAG }, { additionalProperties: false }),
  },
  verify: {
    operation: 'Verify',
    fixed: { all: true },
    summary:
      'Verifies every object of the store now, with scope deep every chunk, or one recovery point; repairs what can be.',
    body: Type.Object(
      { scope: Type.Optional(Type.Enum(['scrub', 'deep'])), pointId: Type.Optional(Type.String({ maxLength: 64 })) },
      { additionalProperties: false },
    ),
  },
  replicate: { operation: 'Replicate', summary: 'Brings all copies of the store up to date now.', body: NOTHING },
  reconcile: { operation: 'Reconcile', summary: 'Makes the database agree with the store again.', body: NOTHING },
  copyCatalogue: { operation: 'CopyCatalogue', summary: 'Copies the database into the store now.', body: NOTHING },
  extendLocks: { operation: 'ExtendLocks', summary: 'Extends the locks of the store to what is kept.', body: NOTHING },
  rotateKeys: {
    operation: 'RotateKeys',
    summary: 'Wraps the keys with the key-encryption key now configured, or begins a new generation of keys.',
    body: Type.Object({ what: Type.Enum([...KEY_ROTATIONS]) }, { additionalProperties: false }),
  },
  drillKit: {
    operation: 'DrillKit',
    summary: 'Proves the recovery kit: opens the store with it alone.',
    body: NOTHING,
  },
};

/** The chunk store under a vault: what Azure keeps to itself, and an operator of one's own storage must see. */
export const stores = (services: Services): readonly RouteTable[] => [
  defineRoutes({
    type: TYPE,
    apiVersions: BACKUP_VERSIONS,
    routes: [
      get(services),
      ...Object.keys(ACTIONS).map((name) => act(services, name as keyof StoreActions)),
      ...COPY_SWITCHES.map((name) => switchTo(services, name)),
    ],
  }),
  defineRoutes({ type: `${TYPE}/jobs`, apiVersions: BACKUP_VERSIONS, routes: [listed(services), one(services)] }),
];

const get = (services: Services) =>
  route({
    method: 'GET',
    path: STORE,
    action: `${TYPE}/read`,
    summary: 'Shows the store of a vault: places, size, what was verified, collected, copied and locked.',
    handler: async ({ params }) => ok(await storeToWire(services, await requireVault(services, params))),
  });

const act = (services: Services, name: keyof StoreActions) => {
  const { operation, summary, body, fixed } = ACTIONS[name];
  return route({
    method: 'POST',
    path: `${STORE}/${name}`,
    action: `${TYPE}/${name}/action`,
    summary,
    answers: ['202 + Location'],
    body: Type.Union([body, Type.Undefined()]),
    async handler(context) {
      const vault = await requireVault(services, context.params);
      const { objectId, name: who } = context.principal;
      const id = await services.jobs.requestHousekeeping(vault, operation, {
        parameters: { ...fixed, ...(context.body as JsonObject | undefined) },
        by: { objectId, name: who },
      });
      const job = await getJob(services.db.queries, id);
      const location = context.absoluteUrl(`${storePath(vault)}/jobs/${id}`);
      return { status: 202, headers: { location }, ...(job && { body: storeJobToWire(storePath(vault), job) }) };
    },
  });
};

const SWITCHES: Readonly<Record<CopySwitch, string>> = {
  failOver: 'Reads the vault from its secondary from now on; nothing is stored meanwhile.',
  failBack: 'Reads and writes the primary again.',
  makeSecondaryPrimary: 'Lets the vault live on in its secondary for good, without what was not copied in time.',
};

const switchTo = (services: Services, to: CopySwitch) =>
  route({
    method: 'POST',
    path: `${STORE}/${to}`,
    action: `${TYPE}/${to}/action`,
    summary: SWITCHES[to],
    body: Type.Union([NOTHING, Type.Undefined()]),
    async handler({ params }) {
      const vault = await requireVault(services, params);
      await services.jobs.switchCopy(vault.id, to);
      return ok(await storeToWire(services, vault));
    },
  });

const listed = (services: Services) =>
  route({
    method: 'GET',
    path: `${STORE}/jobs`,
    action: `${TYPE}/jobs/read`,
    summary: 'Lists the housekeeping of the store, newest first.',
    async handler(context) {
      const vault = await requireVault(services, context.params);
      const { size, cursor } = context.page;
      const page = await listJobs(
        services.db.queries,
        { vaultId: vault.id, operations: HOUSEKEEPING_OPERATIONS },
        { limit: size, ...(cursor === undefined ? {} : { after: cursor }) },
      );
      return context.list(
        page.values.map((job) => storeJobToWire(storePath(vault), job)),
        page.next,
      );
    },
  });

const one = (services: Services) =>
  route({
    method: 'GET',
    path: `${STORE}/jobs/{jobName}`,
    action: `${TYPE}/jobs/read`,
    summary: 'Gets one run of housekeeping: what it found and did.',
    async handler({ params }) {
      const vault = await requireVault(services, params);
      const job = await getJob(services.db.queries, params.jobName.toLowerCase());
      const isShown = job?.vaultId === vault.id && HOUSEKEEPING_OPERATIONS.some((name) => name === job.operation);
      if (isShown) return ok(storeJobToWire(storePath(vault), job));
      const what = `The store of the vault '${vault.name}' has no job '${params.jobName}'.`;
      throw new CodedError('ResourceNotFound', what, { target: 'jobName' });
    },
  });

const storePath = (vault: Vault): string => `${vaultArmId(vault)}/stores/default`;

async function storeToWire({ db, vaultStores }: Services, vault: Vault): Promise<Store> {
  const {
    vaultId,
    gcEpoch: _epoch,
    gcSeq: _seq,
    layout: _layout,
    ...state
  } = await getStoreState(db.queries, vault.id);
  return {
    id: storePath(vault),
    name: 'default',
    type: TYPE,
    properties: {
      vaultId,
      redundancy: await vaultStores.redundancyOf(vault),
      stored: await storedBytes(db.queries, vault.id),
      damagedPacks: await countDamagedPacks(db.queries, vault.id),
      ...(withIsoTimes(state) as Partial<StoreProperties>),
    },
  };
}
