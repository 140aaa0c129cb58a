import { deleteArmResource } from '../../db/armResources.ts';
import { machineArmId } from '../../vault/armIds.ts';
import type { MachineView } from '../machineSource.ts';
import type { Services } from '../services.ts';
import { removeDisk, requireKeeperOf } from './changeMachine.ts';
import { setManagedBy } from './disks.ts';
import { findRecord } from './machineRecord.ts';
import { setCardOwner } from './networkCards.ts';

/** Forgets a machine. Its snapshots stay, and its disks unless they were made to go with it. */
export async function deleteMachine(services: Services, machine: MachineView): Promise<void> {
  const { db, config } = services;
  await requireKeeperOf(services, machine).keeper.deleteMachine(machine);
  const known = await findRecord(services, machine);
  const { disks = [], cards = [] } = known?.record ?? {};
  await db.transaction(async (tx) => {
    for (const { diskId } of disks) if (diskId !== undefined) await setManagedBy(services, tx, diskId);
    await setCardOwner(tx, cards);
    await deleteArmResource(tx, known?.id ?? machineArmId(config.subscriptionId, machine.resourceGroup, machine.name));
  });
  for (const { diskId, deleteOption } of disks)
    if (diskId !== undefined && deleteOption === 'Delete') await removeDisk(services, diskId);
  for (const { id, deleteOption } of cards) if (deleteOption === 'Delete') await deleteArmResource(db.queries, id);
}
