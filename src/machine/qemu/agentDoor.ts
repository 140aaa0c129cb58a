import { KeyedLock } from '../../lib/keyedLock.ts';
import { GuestAgent } from './guestAgent.ts';

/** The way to a machine's guest agent. Its channel has one client at a time, so visits are short and in turn. */
export class AgentDoor {
  readonly #path: string;
  readonly #turn = new KeyedLock();

  constructor(path: string) {
    this.#path = path;
  }

  /** Errors: GuestAgentUnavailable, and those of `work`. */
  use<T>(work: (agent: GuestAgent) => Promise<T>): Promise<T> {
    return this.#turn.run(this.#path, async () => {
      await using agent = await GuestAgent.connect(this.#path);
      return await work(agent);
    });
  }
}
