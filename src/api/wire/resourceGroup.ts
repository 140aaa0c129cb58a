import type { Tags, TrackedResource } from './resource.ts';

export interface ResourceGroupProperties {
  readonly provisioningState: 'Succeeded' | 'Deleting';
}

export type ResourceGroup = TrackedResource<'Microsoft.Resources/resourceGroups', ResourceGroupProperties>;

/** Body of PUT. */
export interface ResourceGroupRequest {
  readonly location: string;
  readonly tags?: Tags | undefined;
}
