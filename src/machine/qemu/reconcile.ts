import { isCoded } from '../../lib/error.ts';
import { GuestAgent } from './guestAgent.ts';
import type { MachineHandle } from './machineHandle.ts';
import { resume, type Traces, undo } from './undo.ts';

const SYNC_MS = 3_000;
const THAW_MS = 30_000;

/** Undoes what a dead process left in a machine's QEMU and guest. */
export const reconcileMachine = async (
  traces: Traces & { readonly handle: MachineHandle },
): Promise<readonly string[]> => {
  const { handle, collection } = traces;
  if ((await handle.status()) === undefined) return [];
  const resumed = await handle.link.use((qmp) => resume(qmp, collection.folder));
  const running = (await handle.powerState()) === 'running';
  const thawed = running && handle.sockets.agent !== '' ? await thawIfFrozen(handle.sockets.agent) : [];
  const undone = await handle.link.use((qmp) => undo(qmp, traces));
  const ended = (await handle.endLaunched()) ? ['ended the QEMU that ran for a snapshot'] : [];
  return [...resumed, ...thawed, ...undone, ...ended];
};

const thawIfFrozen = async (agentSocket: string): Promise<string[]> => {
  try {
    await using agent = await GuestAgent.connect(agentSocket);
    const status = await agent.command('guest-fsfreeze-status', undefined, { timeoutMs: SYNC_MS });
    if (status !== 'frozen') return [];
    await agent.command('guest-fsfreeze-thaw', undefined, { timeoutMs: THAW_MS });
    return ['thawed the guest'];
  } catch (error) {
    // A machine without an agent was never frozen by us.
    if (isCoded(error, 'GuestAgentUnavailable')) return [];
    throw error;
  }
};
