import type { GuestExtensionRecord } from '../../db/guestExtensions.ts';
import { isoTime } from '../../lib/clock.ts';
import { machineArmId } from '../../vault/armIds.ts';
import type { MachineView } from '../machineSource.ts';
import type { ExtensionHandler, ExtensionInstanceView, VirtualMachineExtension } from '../wire/extension.ts';
import type { InstanceStatus } from '../wire/instanceStatus.ts';

/** The one extension there is, as Azure names it. */
export const EXTENSION_NAME = 'VMSnapshotLinux';
const PUBLISHER = 'Microsoft.Azure.RecoveryServices';
const FULL_TYPE = `${PUBLISHER}.${EXTENSION_NAME}`;

export function extensionToWire(
  subscriptionId: string,
  machine: MachineView,
  record: GuestExtensionRecord,
  options: { readonly instanceView: boolean },
): VirtualMachineExtension {
  return {
    id: `${machineArmId(subscriptionId, machine.resourceGroup, machine.name)}/extensions/${EXTENSION_NAME}`,
    name: EXTENSION_NAME,
    type: 'Microsoft.Compute/virtualMachines/extensions',
    location: machine.location,
    properties: {
      publisher: PUBLISHER,
      type: EXTENSION_NAME,
      typeHandlerVersion: record.version,
      autoUpgradeMinorVersion: true,
      enableAutomaticUpgrade: true,
      settings: {},
      provisioningState: STATES[shownStatus(record)].provisioningState,
      ...(options.instanceView ? { instanceView: extensionInstanceView(record) } : {}),
    },
  };
}

export const extensionInstanceView = (record: GuestExtensionRecord): ExtensionInstanceView => ({
  name: EXTENSION_NAME,
  type: FULL_TYPE,
  typeHandlerVersion: record.version,
  substatuses: [],
  statuses: [statusOf(record)],
});

export const extensionHandler = (record: GuestExtensionRecord): ExtensionHandler => ({
  type: FULL_TYPE,
  typeHandlerVersion: record.version,
  status: { ...statusOf(record), ...(record.status === 'installed' ? { displayStatus: 'Ready' } : {}) },
});

const STATES = {
  installed: {
    provisioningState: 'Succeeded',
    code: 'ProvisioningState/succeeded',
    level: 'Info',
    displayStatus: 'Provisioning succeeded',
    message: 'The extension is installed.',
  },
  pending: {
    provisioningState: 'Creating',
    code: 'ProvisioningState/creating',
    level: 'Info',
    displayStatus: 'Creating',
    message: 'The extension will be installed.',
  },
  failed: {
    provisioningState: 'Failed',
    code: 'ProvisioningState/failed',
    level: 'Error',
    displayStatus: 'Provisioning failed',
    message: 'The extension could not be installed.',
  },
} as const;

/** A machine that can have none has no such resource; whoever asks all the same sees that it failed. */
const shownStatus = ({ status }: GuestExtensionRecord): keyof typeof STATES =>
  status === 'unsupported' ? 'failed' : status;

const statusOf = (record: GuestExtensionRecord): InstanceStatus => {
  const { code, level, displayStatus, message } = STATES[shownStatus(record)];
  const words = [record.message ?? message, record.recommendation].filter((one) => one !== undefined).join(' ');
  return { code, level, displayStatus, message: words, time: isoTime(record.since) };
};
