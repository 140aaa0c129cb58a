import { SUBSCRIPTION, type TestServer } from './testServer.ts';

/** Paths of one vault with the machine 'web01', as every test of protection uses them. */
export const GROUP = `/subscriptions/${SUBSCRIPTION}/resourceGroups/Shop`;
export const VAULT = `${GROUP}/providers/Microsoft.RecoveryServices/vaults/safe`;

export const itemPath = (machine: string, vault = VAULT): string =>
  `${vault}/backupFabrics/Azure/protectionContainers/IaasVMContainer;iaasvmcontainerv2;Shop;${machine}/protectedItems/VM;iaasvmcontainerv2;Shop;${machine}`;

export const machinePath = (machine: string): string =>
  `${GROUP}/providers/Microsoft.Compute/virtualMachines/${machine}`;

export const makeVault = (server: TestServer, path = VAULT) =>
  server.call('PUT', path, { location: 'westeurope', sku: { name: 'RS0' }, properties: {} });

export const putItem = (server: TestServer, machine: string, properties: object, vault = VAULT) =>
  server.call('PUT', itemPath(machine, vault), {
    properties: { protectedItemType: 'Microsoft.Compute/virtualMachines', ...properties },
  });

export const protect = (server: TestServer, machine = 'web01', policy = 'DefaultPolicy', vault = VAULT) =>
  putItem(
    server,
    machine,
    { sourceResourceId: machinePath(machine), policyId: `${vault}/backupPolicies/${policy}` },
    vault,
  );
