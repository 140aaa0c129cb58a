import { interruptedOperations, putOperation } from '../db/operations.ts';
import type { Queries } from '../db/schema.ts';
import { DISK_TYPE, removeUnfinishedDisks } from './compute/disks.ts';
import { forgetUnfinishedMachines } from './compute/machineRecord.ts';
import type { Services } from './services.ts';

/** Ends what an earlier process began and could not finish; called once, before requests come in. The number ended. */
export async function endInterrupted(queries: Queries, now: number, hosts: Services['hosts'] = []): Promise<number> {
  const cut = await interruptedOperations(queries);
  const begun = cut.flatMap(({ scope }) => diskOf(scope) ?? []);
  await removeUnfinishedDisks(queries, hosts, [...begun, ...(await forgetUnfinishedMachines(queries))]);
  const error = { code: 'OperationInterrupted', message: 'The server was stopped while it worked; ask again.' };
  for (const operation of cut) await putOperation(queries, { ...operation, status: 'Failed', endTime: now, error });
  return cut.length;
}

const DISK = new RegExp(`/resourceGroups/([^/]+)/providers/${DISK_TYPE}/([^/]+)$`, 'i');

function diskOf(scope: string): { readonly resourceGroup: string; readonly name: string } | undefined {
  const [, resourceGroup, name] = DISK.exec(scope) ?? [];
  return resourceGroup === undefined || name === undefined ? undefined : { resourceGroup, name };
}
