import type { NextRuns, NextRunsRequest, Simulation, SimulationRequest } from '../../api/wire/policyPlan.ts';
import { UsageError } from '../exit.ts';
import { below } from '../ids.ts';
import { vaultPath } from '../items.ts';
import { leaf, needed, oneOf, wholeFrom1 } from '../options.ts';
import { readPolicy } from '../policyFile.ts';
import { act, type Session, type Shell } from '../shell.ts';

/** What a policy means in time to come. */
export const policyPlanCommands = (shell: Shell) => [nextRuns(shell), simulate(shell)];

const inVault = (name: string, summary: string) =>
  leaf(name, summary)
    .requiredOption('-g, --resource-group <name>', "the vault's resource group")
    .requiredOption('-v, --vault-name <name>', 'the vault');

const nextRuns = (shell: Shell) =>
  inVault('next-runs', 'When a policy runs next, and what clocks show then')
    .requiredOption('-n, --name <name>', 'the policy')
    .option('--count <n>', 'how many; default 10', wholeFrom1)
    .option('--from <time>', 'after this time, like 2027-03-27T00:00:00Z; default now')
    .option('--until <time>', 'not after this time')
    .action(
      act(shell, async ({ arm }, { resourceGroup, vaultName, name, count, from, until }) => {
        const path = below(vaultPath(arm, resourceGroup, vaultName), 'backupPolicies', name, 'nextRuns');
        const body: NextRunsRequest = { ...(count && { count }), ...(from && { from }), ...(until && { until }) };
        return (await arm.send<NextRuns>('POST', 'backup', path, { body })).body?.value;
      }),
    );

const PARTS = ['kept', 'growth', 'rules'] as const;

const simulate = (shell: Shell) =>
  inVault('simulate', 'What a policy will have kept at some time to come, until when and why')
    .option('-n, --name <name>', 'the policy')
    .option('--file <json>', 'instead of a name: a policy that need not exist, as JSON or @file')
    .option('--years <n>', 'how far to look, 1 to 99; default 1', wholeFrom1)
    .option('--from <time>', 'when backups begin, like 2027-01-01T00:00:00Z; default now')
    .option('--until <time>', 'the moment to look at, instead of --years')
    .option('--limit <n>', 'points to list, newest first; default 1000', wholeFrom1)
    .option('--part <part>', `${PARTS.join(', ')}: only this, as a list; default in tables: kept`, oneOf(PARTS))
    .action(
      act(shell, async (session, options) => {
        const found = await ask(session, options);
        const part = options.part ?? (options.output === 'table' ? 'kept' : undefined);
        if (part === undefined || found === undefined) return found;
        if (part === 'growth') return found.growth;
        if (part === 'rules') return found.byRule;
        session.say(
          `${found.backups} backups until ${found.until}, ${found.keptCount} kept in the vault, ${found.snapshots} as snapshots`,
        );
        return found.kept.map(({ takenAt, day, expiresAt, reasons }) => ({
          takenAt,
          day: day ?? '',
          keptUntil: expiresAt ?? 'a newer one is there',
          keptBy: reasons.map(({ rule, until }) => `${rule} until ${until.slice(0, 10)}`).join(', '),
        }));
      }),
    );

interface SimulateOptions {
  readonly resourceGroup: string;
  readonly vaultName: string;
  readonly name?: string | undefined;
  readonly file?: string | undefined;
  readonly years?: number | undefined;
  readonly from?: string | undefined;
  readonly until?: string | undefined;
  readonly limit?: number | undefined;
}

async function ask({ arm, terminal }: Session, options: SimulateOptions): Promise<Simulation | undefined> {
  const { file, name, years, from, until, limit } = options;
  if (file !== undefined && name !== undefined) throw new UsageError('give a policy by --name or by --file, not both');
  const vault = vaultPath(arm, options.resourceGroup, options.vaultName);
  const span: SimulationRequest = {
    ...(years && { years }),
    ...(from && { from }),
    ...(until && { until }),
    ...(limit && { limit }),
  };
  if (file === undefined) {
    const path = below(vault, 'backupPolicies', needed(name, '-n, --name <name>'), 'simulateRetention');
    return (await arm.send<Simulation>('POST', 'backup', path, { body: span })).body;
  }
  const { properties } = await readPolicy(terminal, '--file <json>', file);
  const path = below(vault, 'simulatePolicy');
  return (await arm.send<Simulation>('POST', 'backup', path, { body: { ...span, properties } })).body;
}
