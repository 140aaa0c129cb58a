import { randomBytes } from 'node:crypto';
import { copyFile, mkdir, open, rm, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError } from '../../lib/error.ts';
import type { KeptDisk, KeptMachineSpec, Machine, MachineKeeper, MachineRef } from '../machine.ts';
import { machineKey, machineNotFound } from '../machineRef.ts';
import type { FakeDisk, FakeMachine } from './fakeDisk.ts';

export interface KeeperHost {
  readonly specs: Map<string, KeptMachineSpec>;
  create(spec: KeptMachineSpec): Promise<Machine>;
}

/** Makes machines in memory, with raw files as disks; `specs` of the host tells how each was asked for. */
export const fakeKeeper = (host: KeeperHost, folder: string, machines: Map<string, FakeMachine>): MachineKeeper => {
  const { specs } = host;
  const require = (ref: MachineRef): FakeMachine => {
    const found = machines.get(machineKey(ref));
    if (found) return found;
    throw machineNotFound(ref);
  };
  return {
    async makeDisk({ name, from, ...asked }): Promise<KeptDisk> {
      await mkdir(folder, { recursive: true });
      const path = join(folder, `kept-${name}-${randomBytes(4).toString('hex')}.raw`);
      if (from) await copyFile(from.path, path);
      else await (await open(path, 'wx')).close();
      const sizeBytes = asked.sizeBytes ?? (await stat(path)).size;
      await truncate(path, sizeBytes);
      return { path, format: 'raw', sizeBytes };
    },
    removeUnfinished: async () => {},
    removeDisk: ({ path }) => rm(path, { force: true }),
    async createMachine(spec) {
      const machine = await host.create(spec);
      specs.set(machineKey(spec), spec);
      return machine;
    },
    manages: async (ref) => require(ref) !== undefined,
    async deleteMachine(ref) {
      require(ref);
      machines.delete(machineKey(ref));
      specs.delete(machineKey(ref));
    },
    async attachDisk(ref, { lun, name, path, sizeBytes }) {
      const entry = require(ref);
      if (entry.disks.some((disk) => disk.lun === lun || disk.name === name))
        throw new CodedError('Conflict', `${ref.name} has a disk at LUN ${lun} already`, { target: name });
      const disk: FakeDisk = { lun, name, path, sizeBytes, format: 'raw', diskId: path, writes: [] };
      entry.disks = [...entry.disks, disk].sort((a, b) => a.lun - b.lun);
    },
    async detachDisk(ref, lun) {
      const entry = require(ref);
      if (lun < 0) throw new CodedError('OperationNotAllowed', 'The OS disk cannot be detached.', { target: ref.name });
      entry.disks = entry.disks.filter((disk) => disk.lun !== lun);
    },
    async change(ref, { tags, ...hardware }) {
      const entry = require(ref);
      if (tags) entry.machine = { ...entry.machine, tags };
      const spec = specs.get(machineKey(ref));
      if (spec) specs.set(machineKey(ref), { ...spec, ...hardware });
    },
  };
};
