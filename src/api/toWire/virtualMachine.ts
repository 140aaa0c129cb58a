import type { GuestExtensionRecord } from '../../db/guestExtensions.ts';
import { machineArmId } from '../../vault/armIds.ts';
import type { MachineView } from '../machineSource.ts';
import type { InstanceStatus } from '../wire/instanceStatus.ts';
import type { DataDisk, InstanceView, OsDisk, VirtualMachine } from '../wire/virtualMachine.ts';
import { extensionHandler, extensionInstanceView, extensionToWire } from './extension.ts';

const GIB = 2 ** 30;

/** `instanceView` also makes the answer of the path of that name. */
export function virtualMachineToWire(
  subscriptionId: string,
  machine: MachineView,
  options: { readonly instanceView: boolean; readonly extension?: GuestExtensionRecord | undefined },
): VirtualMachine {
  const { extension } = options;
  const osDisk = machine.disks.find((disk) => disk.lun < 0);
  return {
    id: machineArmId(subscriptionId, machine.resourceGroup, machine.name),
    name: machine.name,
    type: 'Microsoft.Compute/virtualMachines',
    location: machine.location,
    tags: machine.tags,
    properties: {
      vmId: machine.vmId,
      provisioningState: 'Succeeded',
      storageProfile: {
        ...(osDisk ? { osDisk: osDiskToWire(machine, osDisk) } : {}),
        dataDisks: machine.disks.filter((disk) => disk.lun >= 0).map(dataDiskToWire),
      },
      osProfile: { computerName: machine.name },
      networkProfile: { networkInterfaces: [] },
      ...(options.instanceView ? { instanceView: instanceViewToWire(machine, extension) } : {}),
    },
    ...(extension ? { resources: [extensionToWire(subscriptionId, machine, extension, { instanceView: false })] } : {}),
  };
}

export function instanceViewToWire(machine: MachineView, extension?: GuestExtensionRecord): InstanceView {
  return {
    computerName: machine.name,
    osName: machine.osName,
    osVersion: machine.osVersion,
    vmAgent: {
      vmAgentVersion: machine.agent.version ?? 'Unknown',
      ...(extension ? { extensionHandlers: [extensionHandler(extension)] } : {}),
      statuses: [agentStatus(machine)],
    },
    ...(extension ? { extensions: [extensionInstanceView(extension)] } : {}),
    statuses: [
      { code: 'ProvisioningState/succeeded', level: 'Info', displayStatus: 'Provisioning succeeded' },
      powerStatus(machine),
    ],
  };
}

// Compute counts whole GiB; a disk of a little less than one is shown as one.
const sizeGiB = (sizeBytes: number): number => Math.max(1, Math.round(sizeBytes / GIB));

type Disk = MachineView['disks'][number];

const osDiskToWire = (machine: MachineView, disk: Disk): OsDisk => ({
  name: disk.name,
  osType: machine.osType,
  createOption: 'Attach',
  diskSizeGB: sizeGiB(disk.sizeBytes),
  managedDisk: {},
});

const dataDiskToWire = (disk: Disk): DataDisk => ({
  lun: disk.lun,
  name: disk.name,
  createOption: 'Attach',
  diskSizeGB: sizeGiB(disk.sizeBytes),
  managedDisk: {},
});

const agentStatus = (machine: MachineView): InstanceStatus =>
  machine.agent.status === 'ready'
    ? { code: 'ProvisioningState/succeeded', level: 'Info', displayStatus: 'Ready', message: 'Guest Agent is running' }
    : {
        code: 'ProvisioningState/Unavailable',
        level: 'Warning',
        displayStatus: 'Not Ready',
        message: 'The guest agent does not answer.',
      };

const POWER = { running: 'VM running', paused: 'VM paused', stopped: 'VM stopped' } as const;

const powerStatus = ({ powerState }: MachineView): InstanceStatus => ({
  code: `PowerState/${powerState}`,
  level: 'Info',
  displayStatus: POWER[powerState],
});
