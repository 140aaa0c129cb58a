import type { ProtectedItem } from '../../vault/protectedItem.ts';
import type { RecoveryPoint } from '../../vault/recoveryPoint.ts';

export interface StagedDisk {
  readonly lun: number;
  readonly name: string;
  readonly sizeBytes: number;
  /** One of both. */
  readonly vhdUri?: string;
  readonly diskId?: string;
}

export interface StagedMachine {
  readonly item: ProtectedItem;
  readonly point: RecoveryPoint;
  readonly disks: readonly StagedDisk[];
  /** The staging account. */
  readonly accountId: string;
}

/** The configuration, in UTF-16 as Azure's scripts read it, and a template that makes the machine anew. */
export function stagedFiles(machine: StagedMachine): { readonly config: Uint8Array; readonly template: Uint8Array } {
  const config = JSON.stringify(configuration(machine), undefined, 2);
  return {
    config: new Uint8Array(Buffer.from(`\uFEFF${config}`, 'utf16le')),
    template: new TextEncoder().encode(JSON.stringify(template(machine), undefined, 2)),
  };
}

interface MachineFacts {
  readonly osType?: string;
  readonly location?: string;
  readonly tags?: Readonly<Record<string, string>>;
}

/** Azure's keys, which are paths. */
function configuration({ item, point, disks }: StagedMachine) {
  const { osType = 'Linux', location, tags = {} } = point.machine as MachineFacts;
  const os = disks.find(({ lun }) => lun === -1);
  return {
    id: item.sourceResourceId,
    name: item.vmName,
    type: 'Microsoft.Compute/virtualMachines',
    location,
    tags,
    'properties.hardwareProfile': { vmSize: VM_SIZE },
    'properties.storageProfile': {
      osDisk: os && { osType, createOption: 'Attach', ...diskOf(os) },
      dataDisks: disks
        .filter(({ lun }) => lun !== -1)
        .map((disk) => ({ lun: disk.lun, createOption: 'Attach', ...diskOf(disk) })),
    },
    'properties.osProfile': { computerName: item.vmName },
    strongroom: { recoveryPointId: point.id, takenAt: new Date(point.takenAt).toISOString(), machine: point.machine },
  };
}

/** Machines have no sizes here; Azure's tools want one. */
const VM_SIZE = 'Standard_B2s';
const VM_API = '2023-03-01';

const diskOf = ({ name, sizeBytes, vhdUri, diskId }: StagedDisk) => ({
  name,
  caching: 'None',
  diskSizeGB: Math.ceil(sizeBytes / 2 ** 30),
  ...(vhdUri === undefined ? {} : { vhd: { uri: vhdUri } }),
  ...(diskId === undefined ? {} : { managedDisk: { id: diskId } }),
});

/** Disks that are not managed yet are imported from their blobs; then the machine is made of them. */
function template(machine: StagedMachine) {
  const { item, point, disks, accountId } = machine;
  const { osType = 'Linux', location, tags = {} } = point.machine as MachineFacts;
  const imported = disks.filter(({ vhdUri }) => vhdUri !== undefined);
  const os = disks.find(({ lun }) => lun === -1);
  const attached = (disk: StagedDisk) => ({
    name: disk.name,
    createOption: 'Attach',
    managedDisk: { id: disk.diskId ?? `[resourceId('Microsoft.Compute/disks', '${disk.name}')]` },
  });
  return {
    $schema: 'https://schema.management.azure.com/schemas/2015-01-01/deploymentTemplate.json#',
    contentVersion: '1.0.0.0',
    parameters: {
      VirtualMachineName: { type: 'string', defaultValue: `${item.vmName}-restored` },
      VirtualNetwork: { type: 'string' },
      VirtualNetworkResourceGroup: { type: 'string', defaultValue: item.resourceGroup },
      Subnet: { type: 'string' },
      StorageAccountType: { type: 'string', defaultValue: 'Standard_LRS' },
    },
    resources: [
      ...imported.map((disk) => ({
        type: 'Microsoft.Compute/disks',
        apiVersion: VM_API,
        name: disk.name,
        location,
        sku: { name: "[parameters('StorageAccountType')]" },
        properties: {
          ...(disk.lun === -1 ? { osType } : {}),
          creationData: { createOption: 'Import', sourceUri: disk.vhdUri, storageAccountId: accountId },
        },
      })),
      ...(os ? [networkInterface(location), virtualMachine()] : []),
    ],
  };
  function virtualMachine() {
    return {
      type: 'Microsoft.Compute/virtualMachines',
      apiVersion: VM_API,
      name: "[parameters('VirtualMachineName')]",
      location,
      tags,
      dependsOn: [NIC_ID, ...imported.map(({ name }) => `[resourceId('Microsoft.Compute/disks', '${name}')]`)],
      properties: {
        hardwareProfile: { vmSize: VM_SIZE },
        storageProfile: {
          osDisk: { osType, ...attached(os!) },
          dataDisks: disks.filter(({ lun }) => lun !== -1).map((disk) => ({ lun: disk.lun, ...attached(disk) })),
        },
        networkProfile: { networkInterfaces: [{ id: NIC_ID }] },
      },
    };
  }
}

const NIC_NAME = "concat(parameters('VirtualMachineName'), '-nic')";
const NIC_ID = `[resourceId('Microsoft.Network/networkInterfaces', ${NIC_NAME})]`;

const networkInterface = (location: string | undefined) => ({
  type: 'Microsoft.Network/networkInterfaces',
  apiVersion: '2022-07-01',
  name: `[${NIC_NAME}]`,
  location,
  properties: {
    ipConfigurations: [
      {
        name: 'ipconfig1',
        properties: {
          privateIPAllocationMethod: 'Dynamic',
          subnet: {
            id: "[resourceId(parameters('VirtualNetworkResourceGroup'), 'Microsoft.Network/virtualNetworks/subnets', parameters('VirtualNetwork'), parameters('Subnet'))]",
          },
        },
      },
    ],
  },
});
