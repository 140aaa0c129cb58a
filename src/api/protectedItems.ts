import { operationResult, operationStatus } from '../arm/operation.ts';
import { noContent, ok } from '../arm/respond.ts';
import { defineRoutes, type RouteTable, route } from '../arm/route.ts';
import { findItem } from '../db/items.ts';
import { getJob } from '../db/jobs.ts';
import { BACKUP_VERSIONS } from './apiVersions.ts';
import { ITEM_PUT } from './body/protectedItem.ts';
import { configureProtection } from './configureProtection.ts';
import { deleteProtection } from './deleteProtection.ts';
import { itemOperationAccepted } from './itemOperation.ts';
import { findPathItem, itemIdOf, machineOf } from './itemPath.ts';
import { showItem } from './itemView.ts';
import { requireVault, vaultNow } from './lookups.ts';
import { requireOperation, toRecord } from './operationRecords.ts';
import { ITEM_PATH } from './paths.ts';
import type { Services } from './services.ts';

const ACTION = 'Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/protectedItems';

export const protectedItems = (services: Services): RouteTable =>
  defineRoutes({
    type: 'Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectedItems',
    apiVersions: BACKUP_VERSIONS,
    routes: [get(services), put(services), remove(services), ...operations(services)],
  });

const get = (services: Services) =>
  route({
    method: 'GET',
    path: ITEM_PATH,
    action: `${ACTION}/read`,
    summary: 'Gets a protected item.',
    filter: { expand: 'string' },
    async handler({ params }) {
      const { vault, item } = await findPathItem(services, params);
      return ok(await showItem(services.db.queries, vault, item, { extended: true, now: services.clock.now() }));
    },
  });

const put = (services: Services) =>
  route({
    method: 'PUT',
    path: ITEM_PATH,
    action: `${ACTION}/write`,
    summary: 'Begins, stops, resumes or takes back protection of a machine, or changes its policy or disks.',
    answers: ['202 + Azure-AsyncOperation + Location'],
    body: ITEM_PUT,
    async handler(context) {
      const name = machineOf(context.params);
      const vault = await requireVault(services, context.params);
      const { item, operation } = await configureProtection(services, context, vault, name, context.body.properties);
      return itemOperationAccepted(context, itemIdOf(vault, item), operation);
    },
  });

const remove = (services: Services) =>
  route({
    method: 'DELETE',
    path: ITEM_PATH,
    action: `${ACTION}/delete`,
    summary: 'Stops protection and schedules the data for deletion: until the retention is over it can be taken back.',
    answers: ['202 + Azure-AsyncOperation + Location', '204'],
    async handler(context) {
      const name = machineOf(context.params);
      const vault = await requireVault(services, context.params);
      const done = await services.db.transaction(async (tx) => {
        const before = await findItem(tx, vault.id, name.resourceGroup, name.vmName);
        return before && deleteProtection(services, context, await vaultNow(tx, vault), before, tx);
      });
      return done ? itemOperationAccepted(context, itemIdOf(vault, done.item), done.operation) : noContent();
    },
  });

const operations = (services: Services) => [
  route({
    method: 'GET',
    path: `${ITEM_PATH}/operationsStatus/{operationId}`,
    action: `${ACTION}/operationsStatus/read`,
    summary: 'Gets the status of an operation on an item.',
    async handler(context) {
      const vault = await requireVault(services, context.params);
      const scope = itemIdOf(vault, machineOf(context.params));
      const operation = await requireOperation(services.db.queries, scope, context.params.operationId);
      return operationStatus(context, toRecord(operation));
    },
  }),
  route({
    method: 'GET',
    path: `${ITEM_PATH}/operationResults/{operationId}`,
    action: `${ACTION}/operationResults/read`,
    summary: 'Gets the result of an operation on an item: the item after a PUT.',
    answers: ['200', '202 + Location', '204'],
    async handler(context) {
      const { queries } = services.db;
      const { vault, item, id } = await findPathItem(services, context.params);
      const operation = await requireOperation(queries, id, context.params.operationId);
      const job = operation.jobId === undefined ? undefined : await getJob(queries, operation.jobId);
      const isPut = job !== undefined && ['ConfigureBackup', 'DisableBackup', 'Undelete'].includes(job.operation);
      const now = services.clock.now();
      const done = isPut ? ok(await showItem(queries, vault, item, { extended: true, now })) : noContent();
      return operationResult(context, toRecord(operation), done);
    },
  }),
];
