/** The actions of Azure's roles for what lies beside a vault, as the built-in role documentation lists them. */

const under = (parent: string, ...actions: string[]): string[] => actions.map((action) => `${parent}/${action}`);

const VAULT = 'Microsoft.RecoveryServices/Vaults';
const ITEMS = 'backupFabrics/protectionContainers/protectedItems';

export const VIRTUAL_MACHINE_CONTRIBUTOR_ACTIONS: readonly string[] = [
  'Microsoft.Authorization/*/read',
  ...under('Microsoft.Compute', 'availabilitySets/*', 'locations/*', 'virtualMachines/*', 'virtualMachineScaleSets/*'),
  ...under('Microsoft.Compute/disks', 'read', 'write', 'delete'),
  'Microsoft.DevTestLab/schedules/*',
  'Microsoft.Insights/alertRules/*',
  ...under(
    'Microsoft.Network',
    'applicationGateways/backendAddressPools/join/action',
    'loadBalancers/backendAddressPools/join/action',
    'loadBalancers/inboundNatPools/join/action',
    'loadBalancers/inboundNatRules/join/action',
    'loadBalancers/probes/join/action',
    'loadBalancers/read',
    'locations/*',
    'networkInterfaces/*',
    'networkSecurityGroups/join/action',
    'networkSecurityGroups/read',
    'publicIPAddresses/join/action',
    'publicIPAddresses/read',
    'virtualNetworks/read',
    'virtualNetworks/subnets/join/action',
  ),
  'Microsoft.RecoveryServices/locations/*',
  ...under(
    VAULT,
    'backupFabrics/backupProtectionIntent/write',
    `${ITEMS}/*/read`,
    `${ITEMS}/read`,
    `${ITEMS}/write`,
    'backupPolicies/read',
    'backupPolicies/write',
    'read',
    'usages/read',
    'write',
  ),
  'Microsoft.ResourceHealth/availabilityStatuses/read',
  'Microsoft.Resources/deployments/*',
  'Microsoft.Resources/subscriptions/resourceGroups/read',
  'Microsoft.SqlVirtualMachine/*',
  ...under('Microsoft.Storage/storageAccounts', 'listKeys/action', 'read'),
  'Microsoft.Support/*',
];

export const STORAGE_ACCOUNT_CONTRIBUTOR_ACTIONS: readonly string[] = [
  'Microsoft.Authorization/*/read',
  ...under('Microsoft.Insights', 'alertRules/*', 'diagnosticSettings/*'),
  'Microsoft.Network/virtualNetworks/subnets/joinViaServiceEndpoint/action',
  'Microsoft.ResourceHealth/availabilityStatuses/read',
  'Microsoft.Resources/deployments/*',
  'Microsoft.Resources/subscriptions/resourceGroups/read',
  'Microsoft.Storage/storageAccounts/*',
  'Microsoft.Support/*',
];

export const USER_ACCESS_ADMINISTRATOR_ACTIONS: readonly string[] = [
  '*/read',
  'Microsoft.Authorization/*',
  'Microsoft.Support/*',
];

export const ROLE_BASED_ACCESS_CONTROL_ADMINISTRATOR_ACTIONS: readonly string[] = [
  'Microsoft.Authorization/roleAssignments/write',
  'Microsoft.Authorization/roleAssignments/delete',
  '*/read',
  'Microsoft.Support/*',
];
