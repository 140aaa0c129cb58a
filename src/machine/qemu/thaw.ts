import { isCoded } from '../../lib/error.ts';
import { GuestAgent } from './guestAgent.ts';

const SYNC_MS = 3_000;
const THAW_MS = 30_000;

/** Thaws a guest whose agent says that it is frozen; returns what was done, in words. */
export const thawIfFrozen = async (agentSocket: string): Promise<string[]> => {
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
