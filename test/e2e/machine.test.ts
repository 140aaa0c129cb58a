import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { stringify } from 'yaml';
import { systemClock } from '../../src/lib/clock.ts';
import { isCoded } from '../../src/lib/error.ts';
import { machineContract } from '../../src/machine/machine.contract.ts';
import type { MachineHost, Snapshot } from '../../src/machine/machine.ts';
import { type Json, Qmp } from '../../src/machine/qemu/qmp.ts';
import { openQemuHost } from '../../src/machine/qemuHost.ts';
import { isAlive } from '../../src/machine/tools/isAlive.ts';
import {
  type Bench,
  booted,
  type DiskSetup,
  fileIn,
  fileOf,
  fsckIsClean,
  inGuest,
  MIB,
  openBench,
  REF,
  restoreTo,
  run,
  skipWithoutQemu,
  TWO_DISKS,
} from './machine/guestFixture.ts';
import { type TappedSocket, tapSocket } from './machine/tappedSocket.ts';

machineContract(
  'qemu, powered off',
  async () => {
    const bench = await openBench();
    return { host: bench.host, ref: REF, [Symbol.asyncDispose]: async () => bench[Symbol.dispose]() };
  },
  skipWithoutQemu,
);

const runFile = (bench: Bench, ending: string): string => {
  const run = join(bench.options.stateFolder, 'run');
  return join(run, readdirSync(run).find((name) => name.endsWith(ending))!);
};

const monitor = async <T>(bench: Bench, execute: string, args?: Record<string, Json>): Promise<T> => {
  await using qmp = await Qmp.connect(runFile(bench, '.qmp'));
  return await qmp.command<T>(execute, args);
};

const kinds = (snapshot: Snapshot): string[] => snapshot.disks.map((disk) => disk.taken.kind);

const whyOf = (snapshot: Snapshot, lun: number): string => {
  const taken = snapshot.disks.find((disk) => disk.lun === lun)!.taken;
  return taken.kind === 'whole' ? taken.why : 'incremental';
};

/** Restores a snapshot's disks whole; and again over the base's restore: both must be the same bytes, and clean. */
const prove = async (bench: Bench, host: MachineHost, id: string, baseId?: string): Promise<void> => {
  const markers: string[] = [];
  for (const { lun } of TWO_DISKS) {
    const path = (name: string) => join(bench.folder, `${name}.${lun}.img`);
    await using disk = await host.openDisk(REF, id, lun);
    await restoreTo(path(id), disk);
    if (baseId !== undefined) {
      const { kind } = await restoreTo(path('over'), disk, baseId, path(baseId));
      assert.equal(kind, 'changed');
      run('cmp', path(id), path('over'));
    }
    assert.ok(fsckIsClean(path(id)), `${id}, LUN ${lun}: the file system is clean`);
    markers.push(fileIn(path(id), '/quiesced').trim());
  }
  assert.ok(Number(markers[0]) > 0);
  assert.equal(markers[0], markers[1], 'both disks are of one moment');
};

const journalLines = async (bench: Bench): Promise<number> =>
  Number(await inGuest(runFile(bench, '.agent'), 'wc -l </mnt/vda/journal'));

const rate = async (bench: Bench, during: () => Promise<unknown>): Promise<number> => {
  const [before, start] = [await journalLines(bench), performance.now()];
  await during();
  return ((await journalLines(bench)) - before) / ((performance.now() - start) / 1000);
};

interface TappedHost extends Disposable {
  readonly host: MachineHost;
  readonly options: Parameters<typeof openQemuHost>[0];
  readonly qmp: TappedSocket;
}

/** The same machine as others see it who did not start it: by its sockets, and these are tapped. */
const openTapped = async (bench: Bench, disks = TWO_DISKS, more: Record<string, unknown> = {}): Promise<TappedHost> => {
  const folder = join(bench.folder, 'elsewhere');
  mkdirSync(folder, { recursive: true });
  const qmp = await tapSocket(join(folder, 'qmp'), runFile(bench, '.qmp'));
  const agent = await tapSocket(join(folder, 'agent'), runFile(bench, '.agent'));
  const described = disks.map((disk) => ({
    lun: disk.lun,
    name: disk.name,
    path: join(bench.images, fileOf(disk)),
    format: disk.format,
  }));
  const qemu = { qmpSocket: qmp.path, agentSocket: agent.path, freezeHook: true, ...more };
  const { vmId } = await bench.host.find(REF);
  writeFileSync(join(folder, 'db-1.yaml'), stringify({ ...REF, location: 'westeurope', vmId, disks: described, qemu }));
  const options = { ...bench.options, folder, clock: systemClock };
  return {
    host: await openQemuHost(options),
    options,
    qmp,
    [Symbol.dispose]() {
      qmp[Symbol.dispose]();
      agent[Symbol.dispose]();
      assert.equal(qmp.unhit, 0, 'every tap was hit');
    },
  };
};

/** Has a process of its own take a snapshot, and kills it at a command. */
const killAt = async (bench: Bench, command: string, whom: 'manager' | 'both', passedBefore = 0): Promise<void> => {
  using tapped = await openTapped(bench);
  for (let pass = 0; pass < passedBefore; pass++) tapped.qmp.before(command, () => {});
  const hit = Promise.withResolvers<void>();
  tapped.qmp.before(command, async () => {
    const helpers = whom === 'both' ? childrenOf(child.pid!) : [];
    for (const pid of [child.pid!, ...helpers]) process.kill(pid, 'SIGKILL');
    hit.resolve();
  });
  const { clock: _, ...options } = tapped.options;
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, 'machine/snapshotProcess.ts'), JSON.stringify(options), 'snapshot', 'killed'],
    { stdio: 'inherit' },
  );
  const exited = new Promise((resolve) => child.once('exit', resolve));
  await Promise.race([hit.promise, exited.then(() => assert.equal(tapped.qmp.unhit, 0))]);
  await exited;
  if (whom === 'manager')
    await eventually('the guest writes again', async () => (await rate(bench, () => systemClock.sleep(300))) > 0);
};

const childrenOf = (parent: number): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')[1]) === parent;
      } catch {
        return false;
      }
    });

const eventually = async (what: string, check: () => Promise<boolean>): Promise<void> => {
  for (let tries = 0; tries < 100; tries++) {
    if (await check().catch(() => false)) return;
    await systemClock.sleep(100);
  }
  assert.fail(`did not come: ${what}`);
};

test('a running machine of two qcow2 disks', { skip: skipWithoutQemu, timeout: 240_000 }, async (t) => {
  using bench = await openBench();
  const { host } = bench;
  await host.start(REF);
  try {
    await booted(host);
    await eventually('the application writes', async () => (await journalLines(bench)) > 5);

    await t.test('snapshots while the application writes: whole, then what changed', async () => {
      const calm = await rate(bench, () => systemClock.sleep(1500));
      let first: Snapshot | undefined;
      const busy = await rate(bench, async () => {
        first = await host.snapshot(REF, { id: 's1' });
        await systemClock.sleep(1500);
      });
      assert.ok(busy > calm / 3, `${busy.toFixed(1)} writes/s beside ${calm.toFixed(1)}`);
      assert.equal(first?.consistency, 'application');
      assert.ok(first.frozenMs > 0 && first.frozenMs < 10_000, `${first.frozenMs} ms`);
      assert.deepEqual(kinds(first), ['whole', 'whole']);
      await prove(bench, host, 's1');
      const second = host.snapshot(REF, { id: 's2' });
      for (let looks = 0; looks < 8; looks++) {
        const { machines, problems } = await host.list();
        assert.deepEqual([machines.length, machines[0]?.powerState, problems], [1, 'running', []]);
        await systemClock.sleep(100);
      }
      assert.deepEqual(kinds(await second), ['incremental', 'incremental']);
      await prove(bench, host, 's2', 's1');
    });

    await t.test('a second start does nothing, another server finds the machine again', async () => {
      await host.start(REF);
      const other = await bench.reopen();
      assert.equal((await other.find(REF)).powerState, 'running');
      await other.start(REF);
      assert.deepEqual(
        (await other.snapshots(REF)).map((snapshot) => snapshot.id),
        ['s1', 's2'],
      );
    });

    await t.test('killed while frozen: the guest goes on by itself', async () => {
      await killAt(bench, 'stop', 'manager');
      assert.equal((await host.find(REF)).powerState, 'running');
      await host.reconcile(REF);
      assert.deepEqual(await host.reconcile(REF), []);
    });

    await t.test('killed with its helper while the vCPUs stand: reconcile resumes and thaws', async () => {
      await killAt(bench, 'transaction', 'both');
      assert.equal((await host.find(REF)).powerState, 'paused');
      const undone = await host.reconcile(REF);
      assert.ok(undone.includes('resumed the vCPUs') && undone.includes('thawed the guest'), undone.join('; '));
      assert.ok((await rate(bench, () => systemClock.sleep(500))) > 0);
      assert.deepEqual(await host.reconcile(REF), []);
    });

    await t.test('killed while copying: reconcile cleans up and the next snapshot is incremental', async () => {
      await killAt(bench, 'blockdev-backup', 'manager', 1);
      const undone = await host.reconcile(REF);
      assert.ok(
        undone.some((what) => what.startsWith('took the snapshot filter off')),
        undone.join('; '),
      );
      assert.deepEqual(
        (await host.snapshots(REF)).map((snapshot) => snapshot.id),
        ['s1', 's2'],
      );
      assert.deepEqual(kinds(await host.snapshot(REF, { id: 's3' })), ['incremental', 'incremental']);
      await prove(bench, host, 's3', 's2');
    });

    await t.test('an export ends with the process that reads it, however that ends', async () => {
      const program = join(import.meta.dirname, 'machine/snapshotProcess.ts');
      const reader = spawn(process.execPath, [program, JSON.stringify(bench.options), 'read', 's3'], {
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      const socketPath = await new Promise<string>((resolve) =>
        reader.stdout.once('data', (bytes) => resolve(String(bytes))),
      );
      const servers = childrenOf(reader.pid!);
      assert.equal(servers.length, 1);
      reader.kill('SIGKILL');
      await eventually('the export is gone', async () => !isAlive(servers[0]!));
      await bench.reopen();
      assert.ok(!existsSync(socketPath));
    });

    await t.test('snapshots let go in the middle and at the end leave the others as they were', async () => {
      {
        await using reader = await host.openDisk(REF, 's3', 0);
        await host.deleteSnapshot(REF, 's2');
        assert.equal((await reader.changedSince('s2')).kind, 'whole');
      }
      const path = (name: string) => join(bench.folder, `${name}.0.img`);
      await using disk = await host.openDisk(REF, 's3', 0);
      await restoreTo(path('merged'), disk, 's1', path('s1'));
      run('cmp', path('s3'), path('merged'));
      await disk[Symbol.asyncDispose]();
      await host.deleteSnapshot(REF, 's1');
      await prove(bench, host, 's3');
      assert.equal(readdirSync(join(bench.options.stateFolder, 'machines/lab/db-1/points')).length, 2);
    });

    await t.test('a resized disk is read whole, and says why', async () => {
      await monitor(bench, 'block_resize', { 'node-name': 'disk-0', size: 112 * MIB });
      const snapshot = await host.snapshot(REF, { id: 's4' });
      assert.deepEqual(kinds(snapshot), ['incremental', 'whole']);
      assert.match(whyOf(snapshot, 0), /resized/);
      assert.equal((await host.find(REF)).disks[1]!.sizeBytes, 112 * MIB);
      await using disk = await host.openDisk(REF, 's4', 0);
      assert.equal((await disk.changedSince('s3')).kind, 'whole');
    });

    await t.test('cancelled while copying: nothing is left and tracking goes on', async () => {
      const abort = new AbortController();
      const reason = new Error('cancelled');
      const snapshot = host.snapshot(REF, { id: 's5', signal: abort.signal, onProgress: () => abort.abort(reason) });
      await assert.rejects(snapshot, (error) => error === reason);
      assert.deepEqual(await host.reconcile(REF), []);
      assert.deepEqual(kinds(await host.snapshot(REF, { id: 's6' })), ['incremental', 'incremental']);
    });

    await t.test('a disk plugged in since is taken too, at the next free LUN', async () => {
      const path = join(bench.images, 'plugged.raw');
      run('truncate', '-s', '8M', path);
      await monitor(bench, 'blockdev-add', {
        driver: 'raw',
        'node-name': 'plugged',
        file: { driver: 'file', filename: path },
      });
      await monitor(bench, 'device_add', { driver: 'virtio-blk-pci', drive: 'plugged', id: 'plugged-dev' });
      const snapshot = await host.snapshot(REF, { id: 'plug' });
      assert.deepEqual(
        snapshot.disks.map((disk) => [disk.lun, disk.name, disk.taken.kind]),
        [
          [-1, 'os', 'incremental'],
          [0, 'data', 'incremental'],
          [1, 'plugged', 'whole'],
        ],
      );
    });

    await t.test('shut down, and started in the middle of a snapshot: the record of changes is kept', async () => {
      await host.stop(REF, { graceful: true });
      assert.equal((await host.find(REF)).powerState, 'stopped');
      const off = await host.snapshot(REF, { id: 's7' });
      assert.deepEqual(kinds(off), ['incremental', 'incremental']);
      assert.equal(off.consistency, 'crash');
      assert.equal((await host.find(REF)).powerState, 'stopped');
      for (const disk of TWO_DISKS) {
        const path = join(bench.folder, `off.${disk.lun}.img`);
        const restored = join(bench.folder, `restored.${disk.lun}.img`);
        run('qemu-img', 'convert', '-f', disk.format, '-O', 'raw', join(bench.images, fileOf(disk)), path);
        await using opened = await host.openDisk(REF, 's7', disk.lun);
        await restoreTo(restored, opened);
        run('cmp', path, restored);
      }
      let started: Promise<void> | undefined;
      await host.snapshot(REF, {
        id: 'boot',
        onProgress: () => {
          started ??= host.start(REF);
        },
      });
      await started;
      await booted(host);
      for (const { lun } of TWO_DISKS) {
        await using opened = await host.openDisk(REF, 'boot', lun);
        await restoreTo(join(bench.folder, `boot.${lun}.img`), opened);
        run('cmp', join(bench.folder, `off.${lun}.img`), join(bench.folder, `boot.${lun}.img`));
      }
      assert.deepEqual(kinds(await host.snapshot(REF, { id: 's8' })), ['incremental', 'incremental']);
    });

    await t.test('without its agent the machine is taken crash-consistent', async () => {
      await inGuest(runFile(bench, '.agent'), '(: >/run/no-agent; sleep 0.2; killall qemu-ga) >/dev/null 2>&1 &');
      await systemClock.sleep(600);
      const snapshot = await host.snapshot(REF, { id: 's9' });
      assert.equal(snapshot.consistency, 'crash');
      assert.match(snapshot.consistencyReason ?? '', /the guest agent does not answer \(is it installed/);
      assert.deepEqual(kinds(snapshot), ['incremental', 'incremental']);
    });

    await t.test('QEMU killed in mid-copy leaves nothing; after it the disks are read whole, and say why', async () => {
      using tapped = await openTapped(bench);
      const pid = Number(readFileSync(runFile(bench, '.pid'), 'utf8'));
      tapped.qmp.before('blockdev-backup', () => void process.kill(pid, 'SIGKILL'));
      await assert.rejects(tapped.host.snapshot(REF, { id: 'lost', crashConsistentOnly: true }), (error) =>
        isCoded(error, 'HostUnavailable'),
      );
      assert.deepEqual(await host.reconcile(REF), []);
      await eventually('the machine is off', async () => (await host.find(REF)).powerState === 'stopped');
      const snapshot = await host.snapshot(REF, { id: 's10' });
      assert.deepEqual(kinds(snapshot), ['whole', 'whole']);
      assert.match(whyOf(snapshot, -1), /missing|inconsistent/);
    });
  } finally {
    await host.stop(REF);
  }
});

const RAW_DATA: readonly DiskSetup[] = [TWO_DISKS[0]!, { lun: 0, name: 'data', format: 'raw', sizeMiB: 64 }];

test('a running machine with a raw disk and little scratch space', {
  skip: skipWithoutQemu,
  timeout: 120_000,
}, async (t) => {
  using bench = await openBench(RAW_DATA);
  const { host } = bench;
  await host.start(REF);
  try {
    await booted(host);
    await eventually('the application writes', async () => (await journalLines(bench)) > 40);

    await t.test('a scratch that fills up fails the snapshot and not the guest', async () => {
      using tapped = await openTapped(bench, RAW_DATA, { scratchLimitMiB: 1 });
      tapped.qmp.before('blockdev-backup', async () => {
        const before = await journalLines(bench);
        await eventually(
          'the guest overwrites more than the scratch holds',
          async () => (await journalLines(bench)) > before + 30,
        );
      });
      await assert.rejects(
        tapped.host.snapshot(REF, { id: 's1' }),
        (error) => isCoded(error, 'SnapshotFailed') && error.target === 'scratch',
      );
      assert.ok((await rate(bench, () => systemClock.sleep(500))) > 0);
      assert.deepEqual(await tapped.host.snapshots(REF), []);
      assert.deepEqual(await tapped.host.reconcile(REF), []);
    });

    await t.test('over a restart a raw disk keeps no record of changes', async () => {
      await host.snapshot(REF, { id: 's3' });
      assert.deepEqual(kinds(await host.snapshot(REF, { id: 's4' })), ['incremental', 'incremental']);
      await host.stop(REF, { graceful: true });
      await host.start(REF);
      await booted(host);
      const snapshot = await host.snapshot(REF, { id: 's5' });
      assert.deepEqual(kinds(snapshot), ['incremental', 'whole']);
      assert.match(whyOf(snapshot, 0), /keeps none over a restart/);
    });
  } finally {
    await host.stop(REF);
  }
});
