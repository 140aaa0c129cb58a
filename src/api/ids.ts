export interface ResourceParts {
  readonly subscription: string;
  readonly resourceGroup: string;
  readonly name: string;
}

const MACHINE =
  /^\/subscriptions\/([^/]+)\/resourceGroups\/([^/]+)\/providers\/Microsoft\.Compute\/virtualMachines\/([^/]+)\/?$/i;
const POLICY =
  /^\/subscriptions\/([^/]+)\/resourceGroups\/([^/]+)\/providers\/Microsoft\.RecoveryServices\/vaults\/([^/]+)\/backupPolicies\/([^/]+)\/?$/i;

const VAULT =
  /^\/subscriptions\/([^/]+)\/resourceGroups\/([^/]+)\/providers\/Microsoft\.RecoveryServices\/vaults\/([^/]+)\/?$/i;

/** undefined: not the id of a vault. */
export function parseVaultId(id: string): ResourceParts | undefined {
  const parts = VAULT.exec(id);
  return parts ? { subscription: parts[1]!, resourceGroup: parts[2]!, name: parts[3]! } : undefined;
}

/** undefined: not the id of a virtual machine. */
export function parseMachineId(id: string): ResourceParts | undefined {
  const parts = MACHINE.exec(id);
  return parts ? { subscription: parts[1]!, resourceGroup: parts[2]!, name: parts[3]! } : undefined;
}

/** undefined: not the id of a backup policy. */
export function parsePolicyId(id: string): (ResourceParts & { readonly vault: string }) | undefined {
  const parts = POLICY.exec(id);
  return parts ? { subscription: parts[1]!, resourceGroup: parts[2]!, vault: parts[3]!, name: parts[4]! } : undefined;
}

export const sameName = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();
