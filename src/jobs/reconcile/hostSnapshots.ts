import { CodedError } from '../../lib/error.ts';
import type { MachineRef } from '../../machine/machine.ts';
import type { JobContext } from '../context.ts';

export type MachineOnHost = MachineRef & { readonly host: string };

/** Which snapshots the hosts have of machines; each host is asked once for each. */
export class HostSnapshots {
  readonly #context: JobContext;
  readonly #ids = new Map<string, Promise<ReadonlySet<string> | undefined>>();

  constructor(context: JobContext) {
    this.#context = context;
  }

  /** Their ids; undefined: the host does not tell. */
  of(machine: MachineOnHost): Promise<ReadonlySet<string> | undefined> {
    const key = `${machine.host}/${machine.resourceGroup}/${machine.name}`;
    const ids = this.#ids.get(key) ?? this.#ask(machine);
    this.#ids.set(key, ids);
    return ids;
  }

  async #ask({ host, resourceGroup, name }: MachineOnHost): Promise<ReadonlySet<string> | undefined> {
    try {
      const snapshots = await this.#context.hosts.get(host).snapshots({ resourceGroup, name });
      return new Set(snapshots.map(({ id }) => id));
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      this.#context.log.info({ host, machine: name, reason: error.message }, 'the host tells of no snapshots');
      return undefined;
    }
  }
}
