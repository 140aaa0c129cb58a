import type { Machine, ScriptsResult, SnapshotRequest } from '../machine.ts';

/** What a fake snapshot is worth, by the machine's state and what the test scripted. */
export const consistencyOf = (
  machine: Machine,
  request: SnapshotRequest,
  agentFault: string | undefined,
  scripts: ScriptsResult | undefined,
) => {
  const crash = (consistencyReason: string) => ({ consistency: 'crash' as const, consistencyReason, frozenMs: 0 });
  if (request.crashConsistentOnly)
    return crash(request.crashConsistentReason ?? 'a crash-consistent point was asked for');
  if (machine.powerState !== 'running') return crash('the machine is not running');
  if (agentFault !== undefined) return crash(agentFault);
  const isApplication = machine.osType === 'Windows' || scripts?.succeeded === true;
  return {
    consistency: isApplication ? ('application' as const) : ('fileSystem' as const),
    ...(scripts?.succeeded === false ? { consistencyReason: scripts.failures[0]?.message ?? 'a script failed' } : {}),
    ...(scripts ? { scripts } : {}),
    frozenMs: 8,
  };
};
