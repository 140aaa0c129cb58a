import { CodedError } from '../lib/error.ts';

/** A machine as names of containers and items spell it; compared without case. */
export interface MachineName {
  readonly resourceGroup: string;
  readonly vmName: string;
}

const VAULT_NAME = /^[a-z][a-z0-9-]{1,49}$/i;
const POLICY_NAME = /^[a-z][-_!a-z0-9]{2,149}$/i;

/** `IaasVMContainer;iaasvmcontainerv2;{rg};{vm}` */
export const containerName = (machine: MachineName): string => `IaasVMContainer;${shortContainerName(machine)}`;

/** `iaasvmcontainerv2;{rg};{vm}`: what `properties.containerName` says. */
export const shortContainerName = ({ resourceGroup, vmName }: MachineName): string =>
  `iaasvmcontainerv2;${resourceGroup};${vmName}`;

/** `VM;iaasvmcontainerv2;{rg};{vm}` */
export const itemName = (machine: MachineName): string => `VM;${shortContainerName(machine)}`;

/** The last segment of an item's id, `vm;iaasvmcontainerv2;{rg};{vm}`. */
export const itemIdName = (machine: MachineName): string => `vm;${shortContainerName(machine)}`;

/** With or without the leading `IaasVMContainer;`. Errors: BMSUserErrorContainerNameIncorrectFormat. */
export const parseContainerName = (name: string): MachineName => {
  const machine = parse(name, 'iaasvmcontainer');
  if (machine !== undefined) return machine;
  throw new CodedError(
    'BMSUserErrorContainerNameIncorrectFormat',
    `containerName '${name}' must have the form IaasVMContainer;iaasvmcontainerv2;{resource group};{virtual machine}.`,
    { target: 'containerName' },
  );
};

/** With or without the leading `VM;`. Errors: BMSUserErrorProtectedItemNameIncorrectFormat. */
export const parseItemName = (name: string): MachineName => {
  const machine = parse(name, 'vm');
  if (machine !== undefined) return machine;
  throw new CodedError(
    'BMSUserErrorProtectedItemNameIncorrectFormat',
    `protectedItemName '${name}' must have the form VM;iaasvmcontainerv2;{resource group};{virtual machine}.`,
    { target: 'protectedItemName' },
  );
};

export const isSameMachine = (a: MachineName, b: MachineName): boolean =>
  a.resourceGroup.toLowerCase() === b.resourceGroup.toLowerCase() && a.vmName.toLowerCase() === b.vmName.toLowerCase();

/** Errors: InvalidResourceName. */
export const assertVaultName = (name: string): void =>
  assertName(
    VAULT_NAME.test(name),
    'vaultName',
    name,
    'must have 2 to 50 characters: letters, digits and hyphens, the first one a letter.',
  );

/** Errors: InvalidResourceName, in the words of Azure's clients. */
export const assertPolicyName = (name: string): void => {
  const isLong = name.length >= 3 && name.length <= 150;
  assertName(
    isLong,
    'policyName',
    name,
    `has ${name.length} characters. Backup policy name must contain between 3 and 150 characters.`,
  );
  assertName(
    POLICY_NAME.test(name),
    'policyName',
    name,
    "is not legal. Backup policy name should contain alphanumeric characters and cannot start with a number; '-', '_' and '!' may follow the first letter.",
  );
};

const parse = (name: string, prefix: string): MachineName | undefined => {
  const parts = name.split(';');
  if (parts[0]?.toLowerCase() === prefix && parts.length === 4) parts.shift();
  const [type, resourceGroup, vmName, ...rest] = parts;
  if (type?.toLowerCase() !== 'iaasvmcontainerv2' || !resourceGroup || !vmName || rest.length > 0) return undefined;
  return { resourceGroup, vmName };
};

const assertName = (legal: boolean, field: string, name: string, rule: string): void => {
  if (!legal) throw new CodedError('InvalidResourceName', `${field} '${name}' ${rule}`, { target: field });
};
