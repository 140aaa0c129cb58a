import { findItem, getItem, insertItem } from '../../db/items.ts';
import type { Queries } from '../../db/schema.ts';
import type { CommitBody } from '../../store/store.ts';
import { machineArmId } from '../../vault/armIds.ts';
import type { ProtectedItem } from '../../vault/protectedItem.ts';
import type { Vault } from '../../vault/vault.ts';

/**
 * The item that a commit belongs to, made from what its body tells of the machine when it is unknown. Its protection
 * is stopped: its points are kept until somebody gives it a policy. `isNew`: it was made. Call it in a transaction.
 */
export const adoptItem = async (
  tx: Queries,
  vault: Vault,
  body: CommitBody,
  now: number,
): Promise<{ readonly item: ProtectedItem; readonly isNew: boolean }> => {
  const known = await getItem(tx, body.itemId);
  if (known) return { item: known, isNew: false };
  const machine = machineOf(body);
  const isTaken = (await findItem(tx, vault.id, machine.resourceGroup, machine.name)) !== undefined;
  const item: ProtectedItem = {
    id: body.itemId,
    vaultId: vault.id,
    host: machine.host,
    resourceGroup: machine.resourceGroup,
    // a machine has one item in a vault: the points of an earlier one stand beside it
    vmName: isTaken ? `${machine.name}-${body.itemId.slice(0, 8)}` : machine.name,
    vmId: machine.vmId,
    sourceResourceId: machineArmId(vault.subscriptionId, machine.resourceGroup, machine.name),
    protectionState: 'ProtectionStopped',
    createdAt: now,
    updatedAt: now,
  };
  await insertItem(tx, item);
  return { item, isNew: true };
};

/** A body says of the machine what the host said; a word that is missing is made up. */
export const machineOf = (body: CommitBody) => {
  const given = typeof body.machine === 'object' && body.machine !== null ? body.machine : {};
  const word = (name: string, otherwise: string): string => {
    const value = (given as Record<string, unknown>)[name];
    return typeof value === 'string' && value !== '' ? value : otherwise;
  };
  return {
    host: word('host', 'unknown'),
    name: word('name', `machine-${body.itemId.slice(0, 8)}`),
    resourceGroup: word('resourceGroup', 'recovered'),
    vmId: word('vmId', body.itemId),
  };
};
