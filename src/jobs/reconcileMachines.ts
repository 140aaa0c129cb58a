import { getItem } from '../db/items.ts';
import { listUnendedJobs } from '../db/jobList.ts';
import type { JobTools } from './context.ts';

/** Undoes, at start, what a server that died in the middle of a snapshot left on machines; no guest stays frozen. */
export async function reconcileMachines({ db, hosts, log }: Pick<JobTools, 'db' | 'hosts' | 'log'>): Promise<void> {
  for (const job of await listUnendedJobs(db.queries)) {
    const item = job.itemId === undefined ? undefined : await getItem(db.queries, job.itemId);
    if (!item) continue;
    const machine = { resourceGroup: item.resourceGroup, name: item.vmName };
    try {
      const undone = await hosts.get(item.host).reconcile(machine);
      if (undone.length > 0) log.warn({ machine, undone }, 'leftovers of a dead server were cleared');
    } catch (error) {
      // The job itself reconciles again before its next snapshot; the others must not wait for this machine.
      log.warn({ machine, err: error }, 'a machine could not be reconciled at start');
    }
  }
}
