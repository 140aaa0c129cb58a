import type { ExtensionHandler, ExtensionInstanceView, VirtualMachineExtension } from './extension.ts';
import type { InstanceStatus } from './instanceStatus.ts';
import type { TrackedResource } from './resource.ts';

export type VirtualMachine = TrackedResource<'Microsoft.Compute/virtualMachines', VirtualMachineProperties> & {
  /** Its extensions, where one machine is read. */
  readonly resources?: readonly VirtualMachineExtension[] | undefined;
  readonly identity?: Readonly<Record<string, unknown>> | undefined;
};

export interface VirtualMachineProperties {
  /** Stable for the life of the machine. */
  readonly vmId: string;
  readonly provisioningState: 'Succeeded' | 'Creating' | 'Updating' | 'Failed';
  readonly hardwareProfile?: { readonly vmSize?: string | undefined } | undefined;
  readonly storageProfile: StorageProfile;
  readonly osProfile?: { readonly computerName?: string | undefined } | undefined;
  readonly networkProfile?: { readonly networkInterfaces: readonly { readonly id: string }[] } | undefined;
  readonly securityProfile?: { readonly securityType?: string | undefined } | undefined;
  readonly timeCreated?: string | undefined;
  /** Only with `$expand=instanceView`. */
  readonly instanceView?: InstanceView | undefined;
}

export interface StorageProfile {
  readonly imageReference?: Readonly<Record<string, unknown>> | undefined;
  readonly osDisk?: OsDisk | undefined;
  readonly dataDisks: readonly DataDisk[];
}

export interface OsDisk {
  readonly name: string;
  readonly osType: 'Linux' | 'Windows';
  readonly createOption: 'Attach' | 'FromImage' | 'Empty';
  readonly diskSizeGB?: number | undefined;
  readonly managedDisk?: { readonly id?: string | undefined } | undefined;
}

export interface DataDisk {
  readonly lun: number;
  readonly name: string;
  readonly createOption: 'Attach' | 'FromImage' | 'Empty';
  readonly diskSizeGB?: number | undefined;
  readonly managedDisk?: { readonly id?: string | undefined } | undefined;
}

export interface InstanceView {
  readonly computerName?: string | undefined;
  readonly osName?: string | undefined;
  readonly osVersion?: string | undefined;
  readonly vmAgent?: VirtualMachineAgent | undefined;
  readonly extensions?: readonly ExtensionInstanceView[] | undefined;
  readonly disks?: readonly { readonly name: string; readonly statuses: readonly InstanceStatus[] }[] | undefined;
  /** `PowerState/running`, `ProvisioningState/succeeded` … */
  readonly statuses: readonly InstanceStatus[];
}

export interface VirtualMachineAgent {
  readonly vmAgentVersion?: string | undefined;
  readonly extensionHandlers?: readonly ExtensionHandler[] | undefined;
  readonly statuses: readonly InstanceStatus[];
}
