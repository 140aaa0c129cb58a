import type { Clock } from '../../lib/clock.ts';
import type { AgentState } from '../machine.ts';
import type { AgentDoor } from './agentDoor.ts';
import type { GuestAgent } from './guestAgent.ts';

export interface AgentView {
  readonly agent: AgentState;
  readonly osName?: string;
  readonly osVersion?: string;
}

const NOT_READY: AgentView = { agent: { status: 'notReady' } };
const TIMEOUT_MS = 2_000;
const FRESH_MS = 15_000;

/** What the agent says of itself and its system; remembered for a while, because a missing agent is found by waiting. */
export class AgentProbe {
  readonly #door: AgentDoor;
  readonly #clock: Clock;
  #looking: Promise<AgentView> | undefined;
  #seen: { readonly at: number; readonly view: AgentView } | undefined;

  constructor(door: AgentDoor, clock: Clock) {
    this.#door = door;
    this.#clock = clock;
  }

  /** What was seen last; nobody is asked. */
  get last(): AgentView {
    return this.#seen?.view ?? NOT_READY;
  }

  forget(): void {
    this.#seen = undefined;
  }

  async look(): Promise<AgentView> {
    if (
      this.#seen &&
      this.#clock.now() - this.#seen.at < (this.#seen.view.agent.status === 'ready' ? FRESH_MS : TIMEOUT_MS)
    )
      return this.#seen.view;
    // One at a time: the agent's channel has a single client.
    this.#looking ??= this.#ask().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #ask(): Promise<AgentView> {
    // No agent is a state of the machine here, not a failure.
    const view = await this.#door
      .use((agent) => askAgent(agent, AbortSignal.timeout(TIMEOUT_MS)))
      .catch(() => NOT_READY);
    this.#seen = { at: this.#clock.now(), view };
    return view;
  }
}

const askAgent = async (agent: GuestAgent, signal: AbortSignal): Promise<AgentView> => {
  const info = await agent.command<{ version?: unknown }>('guest-info', undefined, { timeoutMs: TIMEOUT_MS, signal });
  const state: AgentState = { status: 'ready', ...(typeof info.version === 'string' ? { version: info.version } : {}) };
  const system = await agent
    .command<Record<string, unknown>>('guest-get-osinfo', undefined, { timeoutMs: TIMEOUT_MS, signal })
    .catch((): Record<string, unknown> => ({}));
  return {
    agent: state,
    ...(typeof system.name === 'string' ? { osName: system.name } : {}),
    ...(typeof system['version-id'] === 'string' ? { osVersion: system['version-id'] } : {}),
  };
};
