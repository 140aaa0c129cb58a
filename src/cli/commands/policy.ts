import type { BackupPolicy, BackupPolicyRequest } from '../../api/wire/backupPolicy.ts';
import { below } from '../ids.ts';
import { listItems, vaultPath } from '../items.ts';
import { settled } from '../operation.ts';
import { group, leaf, MANAGEMENT_TYPES, needed, oneOf, WORKLOAD_TYPES } from '../options.ts';
import { readPolicy } from '../policyFile.ts';
import { act, type Session, type Shell } from '../shell.ts';
import { eachTarget, targets } from '../targets.ts';
import { policyPlanCommands } from './policyPlan.ts';

export const policyCommands = (shell: Shell) =>
  group('policy', 'Backup policies: when a machine is backed up and how long its points are kept', [
    list(shell),
    show(shell),
    create(shell),
    set(shell),
    remove(shell),
    defaultForVm(shell),
    associatedItems(shell),
    ...policyPlanCommands(shell),
  ]);

const inVault = (name: string, summary: string) =>
  leaf(name, summary)
    .requiredOption('-g, --resource-group <name>', "the vault's resource group")
    .requiredOption('-v, --vault-name <name>', 'the vault')
    .option('--backup-management-type <type>', MANAGEMENT_TYPES.join(), oneOf(MANAGEMENT_TYPES));

const policyPath = ({ arm }: Session, options: { resourceGroup: string; vaultName: string }, name: string): string =>
  below(vaultPath(arm, options.resourceGroup, options.vaultName), 'backupPolicies', name);

const list = (shell: Shell) =>
  inVault('list', "List a vault's policies")
    .option('--workload-type <type>', WORKLOAD_TYPES.join(), oneOf(WORKLOAD_TYPES))
    .action(
      act(shell, ({ arm }, options) =>
        arm.list<BackupPolicy>(
          'backup',
          below(vaultPath(arm, options.resourceGroup, options.vaultName), 'backupPolicies'),
          options.backupManagementType
            ? { query: { $filter: `backupManagementType eq '${options.backupManagementType}'` } }
            : {},
        ),
      ),
    );

const show = (shell: Shell) =>
  leaf('show', 'Show a policy')
    .option('-g, --resource-group <name>', "the vault's resource group")
    .option('-v, --vault-name <name>', 'the vault')
    .option('-n, --name <name>', 'the policy')
    .option('--ids <ids...>', 'ids instead of names')
    .action(
      act(shell, (session, options) =>
        eachTarget(
          targets(session.arm.subscriptionId, options.ids, {
            resourceGroup: ['-g, --resource-group <name>', options.resourceGroup, 'resourcegroups'],
            vaultName: ['-v, --vault-name <name>', options.vaultName, 'vaults'],
            name: ['-n, --name <name>', options.name, 'backuppolicies'],
          }),
          (target) => session.arm.get('backup', policyPath(session, target, target.name)),
        ),
      ),
    );

const POLICY_HELP = 'the policy as JSON, or @file; `policy get-default-for-vm` shows one to start from';

const create = (shell: Shell) =>
  inVault('create', 'Create a policy')
    .requiredOption('-n, --name <name>', 'its name')
    .requiredOption('--policy <json>', POLICY_HELP)
    .option('--workload-type <type>', WORKLOAD_TYPES.join(), oneOf(WORKLOAD_TYPES))
    .action(
      act(shell, async (session, options) => {
        const policy = await readPolicy(session.terminal, '--policy <json>', options.policy);
        return putPolicy(session, policyPath(session, options, options.name), policy);
      }),
    );

const set = (shell: Shell) =>
  inVault('set', 'Change a policy')
    .option('-n, --name <name>', "its name; absent: the JSON's")
    .requiredOption('--policy <json>', POLICY_HELP)
    .action(
      act(shell, async (session, options) => {
        const policy = await readPolicy(session.terminal, '--policy <json>', options.policy);
        const name = needed(options.name ?? policy.name ?? undefined, '-n, --name <name>');
        return putPolicy(session, policyPath(session, options, name), policy);
      }),
    );

async function putPolicy(session: Session, path: string, { properties }: BackupPolicyRequest): Promise<unknown> {
  const body: BackupPolicyRequest = { properties };
  const answer = await session.arm.send<BackupPolicy>('PUT', 'backup', path, { body });
  if (answer.status !== 202) return answer.body;
  await settled(session, 'backup', answer);
  return session.arm.get('backup', path);
}

const remove = (shell: Shell) =>
  inVault('delete', 'Delete a policy that no item uses')
    .requiredOption('-n, --name <name>', 'its name')
    .action(
      act(shell, async (session, options) => {
        const path = policyPath(session, options, options.name);
        await settled(session, 'backup', await session.arm.send('DELETE', 'backup', path));
      }),
    );

const defaultForVm = (shell: Shell) =>
  inVault('get-default-for-vm', "Show the vault's default policy").action(
    act(shell, (session, options) => session.arm.get('backup', policyPath(session, options, 'DefaultPolicy'))),
  );

const associatedItems = (shell: Shell) =>
  inVault('list-associated-items', 'List the items that a policy protects')
    .requiredOption('-n, --name <name>', 'the policy')
    .action(
      act(shell, ({ arm }, options) => {
        const vault = vaultPath(arm, options.resourceGroup, options.vaultName);
        return listItems(arm, vault, options.name);
      }),
    );
