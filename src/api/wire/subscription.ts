/** Subscriptions are flat: no `properties`, no `type`. */
export interface Subscription {
  readonly id: string;
  readonly subscriptionId: string;
  readonly tenantId: string;
  readonly homeTenantId?: string | undefined;
  readonly displayName: string;
  readonly state: 'Enabled' | 'Disabled' | 'Warned' | 'PastDue' | 'Deleted';
  readonly managedByTenants?: readonly { readonly tenantId: string }[] | undefined;
}
