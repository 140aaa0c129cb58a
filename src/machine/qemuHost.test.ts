import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { stringify } from 'yaml';
import { systemClock } from '../lib/clock.ts';
import { isCoded } from '../lib/error.ts';
import { findMachine } from './description/folder.ts';
import { attachedDisks } from './qemu/blockDisks.ts';
import { Qmp } from './qemu/qmp.ts';
import { openQemuHost } from './qemuHost.ts';

const REF = { resourceGroup: 'shop', name: 'web-1' };
const VM_ID = '0b5d9f5e-7f0c-4c44-9a51-3ac1a8a4a0f1';
const ANSWER_TIMEOUT_MS = 300;
/** Far under the patience of any single request, and enough for a slow computer. */
const SOON_MS = 4_500;

interface Request {
  readonly execute: string;
  readonly id?: number;
}
type Answers = (command: string) => unknown;

const RUNNING: Answers = (command) => (command === 'query-status' ? { status: 'running', running: true } : []);

const openBench = async (qemu: Record<string, unknown> = {}) => {
  const root = await mkdtemp(join(tmpdir(), 'sr-host-'));
  const folder = join(root, 'machines');
  await mkdir(folder);
  await writeFile(join(folder, 'os.raw'), new Uint8Array(4096));
  const disks = [{ lun: -1, name: 'os', path: 'os.raw', format: 'raw' }];
  const description = { ...REF, vmId: VM_ID, location: 'westeurope', disks, qemu };
  await writeFile(join(folder, 'web-1.yaml'), stringify(description));
  const options = { name: 'lab', folder, stateFolder: join(root, 'state'), clock: systemClock };
  const host = await openQemuHost({ ...options, answerTimeoutMs: ANSWER_TIMEOUT_MS });
  const open = new Set<Socket>();
  const servers: { close(): void }[] = [];
  /** A peer at a socket of the machine; without answers it takes connections and says nothing. */
  const serve = (name: string, answers?: Answers): Promise<void> =>
    new Promise((resolve) => {
      const server = createServer((socket) => {
        open.add(socket.on('error', () => {}).on('close', () => open.delete(socket)));
        socket.resume();
        if (!answers) return;
        socket.write('{"QMP":{}}\n');
        socket.on('data', (bytes) => {
          for (const line of bytes.toString().trim().split('\n')) {
            const { execute, id } = JSON.parse(line) as Request;
            const value = answers(execute);
            if (value !== undefined) socket.write(`${JSON.stringify({ return: value, id })}\n`);
          }
        });
      });
      servers.push(server);
      server.listen(join(folder, name), resolve);
    });
  return {
    root,
    folder,
    options,
    host,
    serve,
    allClosed: () => Promise.all([...open].map((socket) => once(socket, 'close'))),
    async [Symbol.asyncDispose]() {
      await host[Symbol.asyncDispose]();
      for (const server of servers) server.close();
      for (const socket of open) socket.destroy();
      await rm(root, { recursive: true, force: true });
    },
  };
};

const soon = async <T>(work: () => Promise<T>, limitMs = SOON_MS): Promise<T> => {
  const start = performance.now();
  try {
    return await work();
  } finally {
    const tookMs = performance.now() - start;
    assert.ok(tookMs < limitMs, `${tookMs.toFixed(0)} ms`);
  }
};

const SOCKETS = { qmpSocket: 'qmp', agentSocket: 'agent' };
const SILENT_ON: readonly (readonly [string, Answers | undefined])[] = [
  ['greeting', undefined],
  ['capabilities', (command) => (command === 'qmp_capabilities' ? undefined : RUNNING(command))],
  ['state', (command) => (command === 'query-status' ? undefined : RUNNING(command))],
  ['disks', (command) => (command === 'query-block' ? undefined : RUNNING(command))],
];

for (const [what, answers] of SILENT_ON) {
  test(`a QEMU that hangs before its ${what} is told of, and holds up neither list nor find`, async () => {
    await using bench = await openBench({ qmpSocket: 'qmp' });
    await bench.serve('qmp', answers);
    const { machines, problems } = await soon(() => bench.host.list());
    assert.deepEqual(machines, []);
    assert.match(problems.join(), /^web-1: QEMU does not answer in 0\.3 s/);
    await assert.rejects(
      soon(() => bench.host.find(REF)),
      (error) => isCoded(error, 'HostUnavailable'),
    );
    // No connection is left that would keep others out.
    await soon(bench.allClosed);
  });
}

const block = (file: string) => ({
  'node-name': 'disk-os',
  drv: 'raw',
  image: { filename: file, 'virtual-size': 4096 },
});

const withDisk = (file: string): Answers => {
  const node = block(file);
  return (command) => {
    if (command === 'query-named-block-nodes') return [node];
    if (command === 'query-block') return [{ qdev: 'disk-os-dev', inserted: { ...node, ro: false } }];
    return RUNNING(command);
  };
};

test('an agent that hangs is not ready, and the machine is there all the same', async () => {
  await using bench = await openBench(SOCKETS);
  await bench.serve('qmp', withDisk(join(bench.folder, 'os.raw')));
  await bench.serve('agent');
  const host = await openQemuHost({ ...bench.options, answerTimeoutMs: 600 });
  const { machines, problems } = await soon(() => host.list(), 1_800);
  assert.deepEqual([problems, machines.length], [[], 1]);
  assert.deepEqual([machines[0]?.powerState, machines[0]?.agent.status], ['running', 'notReady']);
});

test('a caller who has lost interest does not wait for a QEMU that hangs', async () => {
  await using bench = await openBench({ qmpSocket: 'qmp' });
  await bench.serve('qmp');
  const reason = new Error('no longer asked for');
  const interest = new AbortController();
  setImmediate(() => interest.abort(reason));
  const patient = await openQemuHost(bench.options);
  await assert.rejects(
    soon(() => patient.find(REF, interest.signal)),
    (error) => error === reason,
  );
});

test('a machine that others run, and that is off, says what to do', async () => {
  await using bench = await openBench(SOCKETS);
  assert.equal((await bench.host.find(REF)).powerState, 'stopped');
  await assert.rejects(
    soon(() => bench.host.snapshot(REF, { id: 's1' })),
    (error) => {
      assert.ok(isCoded(error, 'HostUnavailable'));
      assert.match(
        error.message,
        /^web-1 does not run: no QEMU listens at its qmpSocket .*\/qmp\. Start it, or describe/,
      );
      return true;
    },
  );
});

for (const [words, message] of [
  [
    'echo "qemu-system-x86_64: -device virtio-blk-pci,drive=disk-os,id=a: Failed to get lock" >&2',
    'Failed to get lock',
  ],
  [
    'echo "qemu-system-x86_64: -m 64: first" >&2; echo "Is another process using the image?" >&2',
    'Is another process using the image?',
  ],
  ['true', 'ended with exit code 1'],
] as const) {
  test(`a QEMU that does not start is told of by: ${message}`, async () => {
    await using bench = await openBench();
    const program = join(bench.root, 'qemu-system-x86_64');
    await writeFile(program, `#!/bin/sh\n${words}\nexit 1\n`);
    await chmod(program, 0o700);
    const path = process.env.PATH;
    try {
      process.env.PATH = `${bench.root}:${path}`;
      await assert.rejects(bench.host.snapshot(REF, { id: 's1' }), (error) => {
        assert.ok(isCoded(error, 'HostUnavailable'));
        assert.equal(error.message, `qemu-system-x86_64: ${message}`);
        return true;
      });
    } finally {
      process.env.PATH = path;
    }
  });
}

test('a disk keeps its identity when the folders are moved, and shares it with no other', async () => {
  const idOf = async (diskPath: string): Promise<string> => {
    await using bench = await openBench({ qmpSocket: 'qmp' });
    const pool = join(bench.root, 'pool');
    await mkdir(pool);
    const [path, diskRoots] = [diskPath.replace('POOL', pool), [pool]];
    const disks = [{ lun: -1, name: 'os', path, format: 'raw' }];
    const text = stringify({ ...REF, vmId: VM_ID, location: 'westeurope', disks });
    await writeFile(join(bench.folder, 'web-1.yaml'), text);
    const machine = await findMachine({ ...bench.options, diskRoots }, REF);
    await bench.serve('qmp', withDisk(machine.disks[0]!.path));
    await using qmp = await Qmp.connect(join(bench.folder, 'qmp'));
    return (await attachedDisks(qmp, machine))[0]!.diskId;
  };
  for (const path of ['os.raw', '../state/disks/os.raw']) assert.equal(await idOf(path), await idOf(path), path);
  const paths = ['os.raw', 'vms/os.raw', '../state/disks/os.raw', '../state/os.raw', 'POOL/os.raw'];
  const ids: string[] = [];
  for (const path of paths) ids.push(await idOf(path));
  assert.equal(new Set(ids).size, paths.length);
});
