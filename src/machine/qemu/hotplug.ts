import type { Clock } from '../../lib/clock.ts';
import { CodedError, isCoded } from '../../lib/error.ts';
import type { KeptDisk } from '../machine.ts';
import { qemuDriver } from '../tools/nbdExport.ts';
import { blockDevices } from './blockDisks.ts';
import { pluggedDisk } from './launch.ts';
import type { Qmp } from './qmp.ts';

const LET_GO_MS = 15_000;
const POLL_MS = 100;

/** Gives a running machine a disk; all or nothing. */
export const plugDisk = async (qmp: Qmp, disk: KeptDisk & { readonly lun: number }): Promise<void> => {
  const { blockdev, device } = pluggedDisk(disk.lun, disk.path, qemuDriver(disk.format));
  await qmp.command('blockdev-add', blockdev);
  try {
    await qmp.command('device_add', device);
  } catch (error) {
    await qmp.command('blockdev-del', { 'node-name': blockdev['node-name'] });
    throw error;
  }
};

/** Takes a disk away as soon as the guest lets it go. Errors: OperationNotAllowed when it does not. */
export const unplugDisk = async (qmp: Qmp, lun: number, clock: Clock): Promise<void> => {
  const { blockdev, device } = pluggedDisk(lun, '', 'raw');
  const isPlugged = async () => (await blockDevices(qmp)).some(({ qdev }) => qdev?.includes(device.id));
  const until = clock.now() + LET_GO_MS;
  if (await isPlugged()) await qmp.command('device_del', { id: device.id });
  while (await isPlugged()) {
    if (clock.now() > until)
      throw new CodedError(
        'OperationNotAllowed',
        `The guest did not let go of the disk at LUN ${lun} in ${LET_GO_MS / 1000} s.`,
        { recommendations: ['Unmount its file systems in the guest, or stop the machine first.'] },
      );
    await clock.sleep(POLL_MS);
  }
  await removeNode(qmp, blockdev['node-name'], until, clock);
};

/** A device that the guest has let go may hold its node for a moment longer. */
async function removeNode(qmp: Qmp, name: string, until: number, clock: Clock): Promise<void> {
  const isThere = async () =>
    (await qmp.command<readonly { 'node-name'?: string }[]>('query-named-block-nodes', { flat: true })).some(
      (node) => node['node-name'] === name,
    );
  while (await isThere()) {
    try {
      return void (await qmp.command('blockdev-del', { 'node-name': name }));
    } catch (error) {
      if (!isCoded(error) || clock.now() > until) throw error;
      await clock.sleep(POLL_MS);
    }
  }
}
