import { join } from 'node:path';
import type { DescribedMachine } from '../description/folder.ts';
import { readImageHeader } from '../imageFormat.ts';
import type { NetworkCard } from '../machine.ts';
import { qemuDriver } from '../tools/nbdExport.ts';
import { createPrivateFile } from '../tools/privateFile.ts';
import { runTool } from '../tools/runTool.ts';
import { lunName } from './names.ts';
import type { Json } from './qmp.ts';
import type { Sockets } from './sockets.ts';

const LAUNCH_TIMEOUT_MS = 60_000;

/**
 * Starts a machine's QEMU as a daemon that outlives this process; resolves when its monitor listens. QEMU locks its
 * pid file, so a machine never has two. Errors: ToolMissing, ImageHeaderInvalid, HostUnavailable with QEMU's words.
 */
export const launch = async (
  machine: DescribedMachine,
  sockets: Sockets,
  stateFolder: string,
  { paused }: { readonly paused: boolean },
): Promise<void> => {
  const args = [...(await machineArguments(machine, sockets, stateFolder)), ...(paused ? ['-S'] : [])];
  await createPrivateFile(consoleOf(stateFolder));
  await runTool('qemu-system-x86_64', args, { failure: 'HostUnavailable', timeoutMs: LAUNCH_TIMEOUT_MS });
};

/** What the guest writes to its serial line, since its last start. */
const consoleOf = (stateFolder: string): string => join(stateFolder, 'console.log');

const machineArguments = async (
  machine: DescribedMachine,
  sockets: Sockets,
  stateFolder: string,
): Promise<string[]> => {
  const { memoryMiB, cpus, accelerator, kernel, initrd, append, firmware, cards = [], seedFolder } = machine.qemu;
  const disks: string[] = [];
  for (const { lun, path, format } of machine.disks) {
    const header = await readImageHeader(path, format);
    disks.push(...diskArguments(lun, path, qemuDriver(header.format)));
  }
  return [
    ...['-name', option(machine.name), '-uuid', machine.vmId, '-daemonize', '-pidfile', sockets.pidFile],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-machine', 'pc', '-accel', accelerator],
    ...['-cpu', accelerator === 'kvm' ? 'host' : 'max', '-m', String(memoryMiB), '-smp', String(cpus)],
    ...(firmware === undefined ? [] : ['-bios', firmware]),
    ...(kernel === undefined ? [] : ['-kernel', kernel]),
    ...(initrd === undefined ? [] : ['-initrd', initrd]),
    ...(append === undefined ? [] : ['-append', append]),
    ...['-serial', `file:${option(consoleOf(stateFolder))}`],
    ...['-qmp', `unix:${option(sockets.qmp)},server=on,wait=off`],
    ...['-chardev', `socket,id=agent,path=${option(sockets.agent)},server=on,wait=off`],
    ...['-device', 'virtio-serial-pci', '-device', 'virtserialport,chardev=agent,name=org.qemu.guest_agent.0'],
    ...disks,
    ...cards.flatMap(cardArguments),
    ...(seedFolder === undefined ? [] : seedArguments(seedFolder)),
  ];
};

const diskArguments = (lun: number, path: string, driver: string): string[] => {
  const { blockdev, device } = pluggedDisk(lun, path, driver);
  const { driver: model, ...properties } = device;
  const options = Object.entries(properties).map(([name, value]) => `${name}=${String(value)}`);
  return ['-blockdev', JSON.stringify(blockdev), '-device', [model, ...options].join(',')];
};

/** A disk as QEMU is told of it, at its start or while it runs. */
export const pluggedDisk = (lun: number, path: string, driver: string) => {
  const node = `disk-${lunName(lun)}`;
  const file: Json = { driver: 'file', filename: path, discard: 'unmap' };
  return {
    blockdev: { driver, 'node-name': node, discard: 'unmap', file },
    device: { driver: 'virtio-blk-pci', drive: node, id: `${node}-dev`, serial: `lun-${lunName(lun)}` },
  };
};

/** A NAT gives the guest the address that its network interface shows, by DHCP. */
const cardArguments = (card: NetworkCard, at: number): string[] => {
  const id = `card-${at}`;
  const network = 'bridge' in card ? `bridge,br=${card.bridge}` : `user,net=${card.net},dhcpstart=${card.address}`;
  return ['-netdev', `${network},id=${id}`, '-device', `virtio-net-pci,netdev=${id},mac=${card.mac}`];
};

const seedArguments = (folder: string): string[] => {
  const seed = { driver: 'vvfat', 'node-name': 'seed', dir: folder, label: 'cidata', rw: false, 'read-only': true };
  return ['-blockdev', JSON.stringify(seed), '-device', 'virtio-blk-pci,drive=seed,serial=cidata'];
};

/** A value within an option list: QEMU reads a doubled comma as one. */
const option = (value: string): string => value.replaceAll(',', ',,');
