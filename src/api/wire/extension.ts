import type { InstanceStatus } from './instanceStatus.ts';
import type { Resource, Tags } from './resource.ts';

export interface VirtualMachineExtension
  extends Resource<'Microsoft.Compute/virtualMachines/extensions', ExtensionProperties> {
  readonly location: string;
  readonly tags?: Tags | undefined;
}

export interface ExtensionProperties {
  readonly publisher: string;
  /** The kind of extension; it also names the resource. */
  readonly type: string;
  readonly typeHandlerVersion?: string | undefined;
  readonly autoUpgradeMinorVersion: boolean;
  readonly enableAutomaticUpgrade: boolean;
  readonly settings: Readonly<Record<string, never>>;
  readonly provisioningState: 'Creating' | 'Succeeded' | 'Failed';
  /** Only with `$expand=instanceView`. */
  readonly instanceView?: ExtensionInstanceView | undefined;
}

export interface ExtensionInstanceView {
  readonly name: string;
  readonly type: string;
  readonly typeHandlerVersion?: string | undefined;
  readonly substatuses: readonly InstanceStatus[];
  readonly statuses: readonly InstanceStatus[];
}

/** As the machine's agent tells of it. */
export interface ExtensionHandler {
  readonly type: string;
  readonly typeHandlerVersion?: string | undefined;
  readonly status: InstanceStatus;
}
