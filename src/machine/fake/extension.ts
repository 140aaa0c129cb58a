import type { ExtensionState, GuestExtension, Machine, MachineRef } from '../machine.ts';
import type { FaultScript } from './faultScript.ts';

/** What the fake extension sees of its host. */
interface FakeGuests {
  readonly faults: FaultScript;
  readonly extensionFault: ExtensionState | undefined;
  find(ref: MachineRef, signal?: AbortSignal): Promise<Machine>;
}

/** An extension that is there once a running machine was asked to have it. */
export const fakeExtension = (host: FakeGuests): GuestExtension => {
  const extended = new Set<string>();
  return {
    version: '1.0',
    async ensure(ref, signal) {
      await host.faults.enter('extension', ref, signal);
      const { powerState, vmId } = await host.find(ref, signal);
      if (powerState !== 'running') return { status: 'machineOff' };
      if (host.extensionFault) return host.extensionFault;
      const changed = !extended.has(vmId);
      extended.add(vmId);
      return { status: 'installed', version: '1.0', changed };
    },
  };
};
