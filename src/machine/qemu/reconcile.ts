import type { MachineHandle } from './machineHandle.ts';
import { thawIfFrozen } from './thaw.ts';
import { forget, resume, type Traces, undo } from './undo.ts';

/** Undoes what a dead process left in a machine's QEMU and guest. */
export const reconcileMachine = async (
  traces: Traces & { readonly handle: MachineHandle },
): Promise<readonly string[]> => {
  const { handle, collection } = traces;
  if ((await handle.status()) === undefined) {
    await handle.endLaunched();
    return forget(collection);
  }
  const resumed = await handle.link.use((qmp) => resume(qmp, collection.folder));
  const running = (await handle.powerState()) === 'running';
  const thawed = running && handle.sockets.agent !== '' ? await thawIfFrozen(handle.sockets.agent) : [];
  const undone = await handle.link.use((qmp) => undo(qmp, traces));
  const ended = (await handle.endLaunched()) ? ['ended the QEMU that ran for a snapshot'] : [];
  return [...resumed, ...thawed, ...undone, ...ended];
};
