import assert from 'node:assert/strict';
import { open, stat } from 'node:fs/promises';
import { test } from 'node:test';
import { isCoded } from '../lib/error.ts';
import type { Extent } from '../lib/extent.ts';
import { NbdClient } from '../nbd/client.ts';
import type { ChangedExtents, MachineHost, MachineRef, ReadAddress, SnapshotDisk } from './machine.ts';

/** One machine with the disks -1 and 0 on a host; disks hold something other than zeros. */
export interface ContractBench extends AsyncDisposable {
  readonly host: MachineHost;
  readonly ref: MachineRef;
}

const coded = (code: Parameters<typeof isCoded>[1]) => (error: unknown) => {
  assert.ok(isCoded(error, code), `${code} expected, not ${String(error)}`);
  return true;
};

type Check = (title: string, body: (bench: ContractBench) => Promise<void>) => void;

/** What every host promises; `skip` tells why it cannot be tried here. */
export const machineContract = (
  name: string,
  setUp: () => Promise<ContractBench>,
  skip: string | false = false,
): void => {
  const check: Check = (title, body) => {
    test(`${name}: ${title}`, { skip }, async () => {
      await using bench = await setUp();
      await body(bench);
    });
  };
  checkMachines(check);
  checkExtension(check);
  checkSnapshots(check);
  checkRequests(check);
  checkRestores(check);
};

const checkMachines = (check: Check): void => {
  check('finds its machines without regard to case', async ({ host, ref }) => {
    const { machines, problems } = await host.list();
    assert.deepEqual(problems, []);
    assert.deepEqual(
      machines.map((machine) => machine.name),
      [ref.name],
    );
    const found = await host.find({ resourceGroup: ref.resourceGroup.toUpperCase(), name: ref.name.toUpperCase() });
    assert.equal(found.host, host.name);
    assert.match(found.vmId, /^[0-9a-f-]{36}$/);
    assert.deepEqual(
      found.disks.map((disk) => disk.lun),
      [-1, 0],
    );
    assert.equal((await host.find(ref)).vmId, found.vmId);
  });

  check('says that a machine is not there', async ({ host, ref }) => {
    const missing = { resourceGroup: ref.resourceGroup, name: 'nobody' };
    await assert.rejects(host.find(missing), coded('BCMV2VMNotFound'));
    await assert.rejects(host.snapshot(missing, { id: 's1' }), coded('BCMV2VMNotFound'));
    assert.deepEqual(await host.snapshots(missing), []);
    assert.deepEqual(await host.reconcile(missing), []);
  });
};

const checkExtension = (check: Check): void => {
  check('says how the guest extension stands, and puts it nowhere twice', async ({ host, ref }) => {
    assert.match(host.extension.version, /^\d+\.\d+$/);
    await assert.rejects(
      host.extension.ensure({ resourceGroup: ref.resourceGroup, name: 'nobody' }),
      coded('BCMV2VMNotFound'),
    );
    const { powerState } = await host.find(ref);
    const first = await host.extension.ensure(ref);
    const second = await host.extension.ensure(ref);
    const off = host.kind === 'image' ? 'unsupported' : 'machineOff';
    assert.equal(first.status, powerState === 'running' ? 'installed' : off);
    if (first.status === 'installed') assert.deepEqual(second, { ...first, changed: false });
    else assert.deepEqual(second, first);
  });
};

const checkSnapshots = (check: Check): void => {
  check('keeps snapshots, complete each, until they are deleted', async ({ host, ref }) => {
    const first = await host.snapshot(ref, { id: 's1' });
    const second = await host.snapshot(ref, { id: 's2' });
    assert.deepEqual(
      first.disks.map((disk) => [disk.lun, disk.taken.kind]),
      [
        [-1, 'whole'],
        [0, 'whole'],
      ],
    );
    assert.deepEqual(
      second.disks.map((disk) => disk.diskId),
      first.disks.map((disk) => disk.diskId),
    );
    assert.deepEqual(await host.snapshots(ref), [first, second]);
    const before = await bytesOf(host, ref, 's2', 0);
    assert.ok(before.some((byte) => byte !== 0));
    await host.deleteSnapshot(ref, 's1');
    await host.deleteSnapshot(ref, 's1');
    assert.deepEqual(await host.snapshots(ref), [second]);
    assert.ok(before.equals(await bytesOf(host, ref, 's2', 0)));
    await assert.rejects(host.openDisk(ref, 's1', 0), coded('UserErrorInstantRpNotFound'));
    await assert.rejects(host.openDisk(ref, 's2', 7), coded('UserErrorInstantRpNotFound'));
  });

  check('names all that is not zero, in order, and goes back to it on any doubt of the base', async ({ host, ref }) => {
    await host.snapshot(ref, { id: 's1' });
    await using disk = await host.openDisk(ref, 's1', 0);
    for (const baseId of [undefined, 'never', 's9']) {
      const changes = await disk.changedSince(baseId);
      assert.ok(changes.kind === 'whole' && changes.why.length > 0);
      assert.deepEqual(await nonZeroOutside(disk, changes), []);
    }
  });
};

const checkRequests = (check: Check): void => {
  check('takes the disks it is asked for', async ({ host, ref }) => {
    const { disks } = await host.snapshot(ref, { id: 's1', luns: [0] });
    assert.deepEqual(
      disks.map((disk) => disk.lun),
      [0],
    );
    await assert.rejects(host.snapshot(ref, { id: 's2', luns: [5] }), coded('SnapshotFailed'));
    await assert.rejects(host.snapshot(ref, { id: 's1' }), coded('SnapshotFailed'));
    await assert.rejects(host.snapshot(ref, { id: '../x' }), coded('SnapshotFailed'));
    assert.equal((await host.snapshots(ref)).length, 1);
  });

  check('leaves nothing of a snapshot that was cancelled', async ({ host, ref }) => {
    const reason = new Error('cancelled');
    await assert.rejects(
      host.snapshot(ref, { id: 's1', signal: AbortSignal.abort(reason) }),
      (error) => error === reason,
    );
    assert.deepEqual(await host.snapshots(ref), []);
    await host.snapshot(ref, { id: 's1' });
  });

  check('says why a point is only crash-consistent', async ({ host, ref }) => {
    const snapshot = await host.snapshot(ref, { id: 's1', crashConsistentOnly: true });
    assert.equal(snapshot.consistency, 'crash');
    assert.ok(snapshot.consistencyReason);
    assert.equal(snapshot.frozenMs, 0);
  });
};

const checkRestores = (check: Check): void => {
  check('makes disks, and a machine of them', async ({ host, ref }) => {
    const made = { resourceGroup: ref.resourceGroup, name: 'made-1' };
    const lost = await host.createDisk(made, { lun: 0, name: 'lost', sizeBytes: 1 << 20 });
    await lost[Symbol.asyncDispose]();
    await assert.rejects(stat(lost.path));
    const target = await host.createDisk(made, { lun: -1, name: 'os', sizeBytes: 1 << 20 });
    assert.equal((await stat(target.path)).size, 1 << 20);
    await target.commit();
    await target[Symbol.asyncDispose]();
    const disks = [{ lun: -1, name: 'os', path: target.path, format: 'raw' as const }];
    const spec = { ...made, location: 'westeurope', tags: { of: 'restore' }, osType: 'Linux' as const, disks };
    const machine = await host.create(spec);
    assert.equal(machine.powerState, 'stopped');
    assert.deepEqual(machine.disks, [{ lun: -1, name: 'os', sizeBytes: 1 << 20, format: 'raw' }]);
    assert.deepEqual(await host.find(made), machine);
    await assert.rejects(host.create(spec), coded('Conflict'));
  });

  check('finds nothing to undo where nothing was left', async ({ host, ref }) => {
    await host.snapshot(ref, { id: 's1' });
    assert.deepEqual(await host.reconcile(ref), []);
    assert.equal((await host.snapshots(ref)).length, 1);
  });
};

const bytesOf = async (host: MachineHost, ref: MachineRef, id: string, lun: number): Promise<Buffer> => {
  await using disk = await host.openDisk(ref, id, lun);
  return await readAll(disk.address, disk.sizeBytes);
};

const readAll = async (address: ReadAddress, sizeBytes: number): Promise<Buffer> => {
  const bytes = Buffer.alloc(sizeBytes);
  if (address.kind === 'file') {
    await using file = await open(address.path, 'r');
    await file.read(bytes, 0, sizeBytes, 0);
  } else {
    await using client = await NbdClient.connect(address);
    await client.readInto(0, bytes);
  }
  return bytes;
};

/** Offsets of bytes that are not zero and that no extent names. */
const nonZeroOutside = async (disk: SnapshotDisk, changes: ChangedExtents): Promise<number[]> => {
  const bytes = await readAll(disk.address, disk.sizeBytes);
  let end = 0;
  for await (const extent of changes.extents) {
    const { offset, length }: Extent = extent;
    assert.ok(length > 0 && offset >= end, 'ascending, without overlap');
    end = offset + length;
    bytes.fill(0, offset, end);
  }
  assert.ok(end <= disk.sizeBytes);
  const at = bytes.findIndex((byte) => byte !== 0);
  return at < 0 ? [] : [at];
};
