import { isoTime } from '../../lib/clock.ts';
import type { MachineView } from '../machineSource.ts';
import type { DataDisk, InstanceView, OsDisk, VirtualMachine } from '../wire/virtualMachine.ts';
import type { DiskRecord, KnownMachine, MachineRecord } from './machineRecord.ts';

/** The machine as its host tells it, with what the compute provider knows besides. */
export function withRecord(
  wire: VirtualMachine,
  machine: MachineView,
  known: KnownMachine | undefined,
): VirtualMachine {
  const { properties } = wire;
  const instanceView = properties.instanceView && instanceViewWithRecord(properties.instanceView, machine, known);
  if (!known) return { ...wire, properties: { ...properties, ...(instanceView ? { instanceView } : {}) } };
  const { record } = known;
  const { osDisk, dataDisks } = properties.storageProfile;
  return {
    ...wire,
    ...(record.identity ? { identity: record.identity } : {}),
    properties: {
      ...properties,
      ...standing(record),
      storageProfile: {
        ...(record.imageReference ? { imageReference: record.imageReference } : {}),
        ...(osDisk ? { osDisk: { ...osDisk, ...ofDisk(diskAt(record, -1)) } as OsDisk } : {}),
        dataDisks: dataDisks.map((disk) => ({ ...disk, ...ofDisk(diskAt(record, disk.lun)) }) as DataDisk),
      },
      ...(instanceView ? { instanceView } : {}),
    },
  };
}

/** A machine that its host does not have yet. */
export const creatingToWire = ({ id, name, location, tags, record }: KnownMachine): VirtualMachine => {
  const [os, ...data] = [...record.disks].sort((a, b) => a.lun - b.lun);
  const osDisk = os && { name: os.name, osType: record.osType, createOption: os.createOption, ...ofDisk(os) };
  return {
    ...{ id, name, type: 'Microsoft.Compute/virtualMachines', location, tags },
    properties: {
      ...{ vmId: record.vmId, provisioningState: 'Creating' as const, networkProfile: { networkInterfaces: [] } },
      ...standing(record),
      storageProfile: {
        ...(osDisk ? { osDisk } : {}),
        dataDisks: data.map((disk) => ({
          lun: disk.lun,
          name: disk.name,
          createOption: disk.createOption,
          ...ofDisk(disk),
        })),
      },
    },
  };
};

export function instanceViewWithRecord(view: InstanceView, machine: MachineView, known?: KnownMachine): InstanceView {
  const isDeallocated = known?.record.deallocated === true && machine.powerState === 'stopped';
  return {
    ...view,
    disks: machine.disks.map(({ name }) => ({
      name,
      statuses: [{ code: 'ProvisioningState/succeeded', level: 'Info', displayStatus: 'Provisioning succeeded' }],
    })),
    statuses: view.statuses.map((status) =>
      isDeallocated && status.code.startsWith('PowerState/')
        ? { code: 'PowerState/deallocated', level: 'Info', displayStatus: 'VM deallocated' }
        : status,
    ),
  };
}

const standing = (record: MachineRecord) => ({
  timeCreated: isoTime(record.createdAt),
  ...(record.vmSize === undefined ? {} : { hardwareProfile: { vmSize: record.vmSize } }),
  ...(record.osProfile ? { osProfile: record.osProfile } : {}),
  ...(record.diagnosticsProfile ? { diagnosticsProfile: record.diagnosticsProfile } : {}),
  networkProfile: {
    networkInterfaces: record.cards.map(({ id, primary, deleteOption }) => ({
      id,
      properties: { primary, deleteOption },
    })),
  },
});

const diskAt = (record: MachineRecord, lun: number): DiskRecord | undefined =>
  record.disks.find((disk) => disk.lun === lun);

const ofDisk = (disk: DiskRecord | undefined) =>
  disk
    ? {
        createOption: disk.createOption,
        caching: disk.caching ?? 'None',
        deleteOption: disk.deleteOption,
        managedDisk: disk.diskId === undefined ? {} : { id: disk.diskId, storageAccountType: 'Standard_LRS' },
      }
    : {};
