import type { ArmContext } from '../../arm/route.ts';
import { findArmResource, putArmResource } from '../../db/armResources.ts';
import type { Queries } from '../../db/schema.ts';
import { CodedError } from '../../lib/error.ts';
import type { NetworkCard } from '../machineKeeper.ts';
import { demandReference, findSubnet, ipConfigurationsOf, sameId } from '../network/references.ts';
import type { Services } from '../services.ts';
import type { MachineProperties } from './machineBody.ts';
import type { MachineRecord } from './machineRecord.ts';

const CARD_TYPE = 'microsoft.network/networkinterfaces';

export type CardRecord = MachineRecord['cards'][number];

/**
 * The network interfaces that a machine asks for, which its caller may use and no other machine has.
 * Errors: AuthorizationFailed, InvalidResourceReference, NicInUse.
 */
export async function requireCards(
  services: Services,
  context: ArmContext,
  machineId: string,
  profile: MachineProperties['networkProfile'],
): Promise<readonly CardRecord[]> {
  const cards: CardRecord[] = [];
  for (const [at, asked] of (profile?.networkInterfaces ?? []).entries()) {
    const row = await findArmResource(services.db.queries, asked.id);
    const isThere = row?.type.toLowerCase() === CARD_TYPE;
    const reference = { from: machineId, to: asked.id, isThere };
    await demandReference(context, { ...reference, action: 'Microsoft.Network/networkInterfaces/join/action' });
    const user = row?.properties.virtualMachine as { readonly id: string } | undefined;
    if (user && !sameId(user.id, machineId))
      throw new CodedError('NicInUse', `Network interface ${asked.id} is used by virtual machine ${user.id}.`, {
        target: asked.id,
      });
    const primary = asked.properties?.primary ?? at === 0;
    const deleteOption = asked.properties?.deleteOption?.toLowerCase() === 'delete' ? 'Delete' : 'Detach';
    cards.push({ id: row?.id ?? asked.id, primary, deleteOption });
  }
  return cards;
}

/** Writes into the interfaces which machine has them; undefined: none. */
export async function setCardOwner(tx: Queries, cards: readonly CardRecord[], owner?: string): Promise<void> {
  for (const { id } of cards) {
    const row = await findArmResource(tx, id);
    if (!row) continue;
    const { virtualMachine: _before, ...properties } = row.properties;
    const used = owner === undefined ? properties : { ...properties, virtualMachine: { id: owner } };
    await putArmResource(tx, { ...row, properties: used });
  }
}

/** The interfaces as the host plugs them in: on the bridge of their network, or behind a NAT with the same address. */
export async function hostCards(
  { db, config }: Services,
  cards: readonly CardRecord[],
): Promise<readonly NetworkCard[]> {
  const plugged: NetworkCard[] = [];
  for (const { id } of cards) {
    const row = await findArmResource(db.queries, id);
    const first = row && ipConfigurationsOf(row)[0];
    const found = first && (await findSubnet(db.queries, first.properties.subnet?.id ?? ''));
    if (!row || !found) continue;
    const mac = String(row.properties.macAddress).toLowerCase().replaceAll('-', ':');
    const bridge = config.bridges?.[found.network.name.toLowerCase()];
    const address = first.properties.privateIPAddress ?? '';
    const net = found.subnet.properties.addressPrefix ?? '';
    plugged.push(bridge === undefined ? { mac, net, address } : { mac, bridge });
  }
  return plugged;
}
