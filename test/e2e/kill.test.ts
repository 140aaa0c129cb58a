import assert from 'node:assert/strict';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, test } from 'node:test';
import type { Job } from '../../src/api/wire/job.ts';
import type { RecoveryPoint } from '../../src/api/wire/recoveryPoint.ts';
import { below, groupPath, itemPath, VAULTS } from '../../src/cli/ids.ts';
import { systemClock } from '../../src/lib/clock.ts';
import type { DescribedMachine } from '../../src/machine/description/folder.ts';
import type { MachineHost } from '../../src/machine/machine.ts';
import { managedSockets } from '../../src/machine/qemu/sockets.ts';
import { openQemuHost } from '../../src/machine/qemuHost.ts';
import { openRunFolder } from '../../src/machine/tools/runFolder.ts';
import { freePort, fsck, GUEST, LOCATION, makeDataFolder, readFromImage, whyNoQemu } from './guestRig.ts';
import { inGuest } from './machine/guestFixture.ts';
import { ServerProcess } from './serverProcess.ts';

const skip = (await whyNoQemu()) ?? false;
const KILLS = 5;
const TAKEN_OVER_WITHIN_MS = 90_000;
const CONTAINER = `IaasVMContainer;iaasvmcontainerv2;${GUEST.resourceGroup};${GUEST.name}`;
const ITEM = `VM;iaasvmcontainerv2;${GUEST.resourceGroup};${GUEST.name}`;

let data: string;
let port: number;
let server: ServerProcess;
let vault: string;
/** The test's own view of the guest, which outlives the server. */
let host: MachineHost;
let completed = 0;

before(async () => {
  if (skip) return;
  data = await makeDataFolder();
  port = await freePort();
  host = await openGuestHost();
  server = await ServerProcess.start(data, port);
  await host.start(GUEST);
  const { arm } = server;
  vault = below(groupPath(arm.subscriptionId, GUEST.resourceGroup), 'providers', ...VAULTS.split('/'), 'killed');
  await arm.send('PUT', 'vault', vault, { body: { location: LOCATION, properties: {}, sku: { name: 'RS0' } } });
  const sourceResourceId = `${groupPath(arm.subscriptionId, GUEST.resourceGroup)}/providers/Microsoft.Compute/virtualMachines/${GUEST.name}`;
  await waitFor('the guest boots', async () => (await host.find(GUEST)).agent.status === 'ready');
  const properties = {
    protectedItemType: 'Microsoft.Compute/virtualMachines',
    sourceResourceId,
    policyId: `${vault}/backupPolicies/DefaultPolicy`,
  };
  await arm.send('PUT', 'backup', itemPath(vault, CONTAINER, ITEM), { body: { properties } });
});

after(async () => {
  if (skip) return;
  await server?.stop();
  await host?.stop(GUEST);
  rmSync(data, { recursive: true, force: true });
});

for (const phase of ['Take Snapshot', 'Transfer data to vault'])
  test(`kill -9 in '${phase}', ${KILLS} times`, { skip, timeout: 600_000 }, async () => {
    let hits = 0;
    for (let tries = 0; hits < KILLS; tries++) {
      assert.ok(tries < KILLS * 4, `only ${hits} of ${tries} kills fell into the phase`);
      const job = await trigger();
      await waitFor(`the phase of ${job}`, async () => (await taskOf(job, phase))?.status !== 'NotStarted', 30_000);
      await systemClock.sleep((tries % 8) * 40);
      await server.kill();
      if (statusInDatabase(job, phase) === 'InProgress') hits++;
      await waitFor('the guest runs and is thawed', isAlive, 60_000);
      server = await ServerProcess.start(data, port);
      const ended = await waitFor(`job ${job} ends`, async () => over(await jobOf(job)), TAKEN_OVER_WITHIN_MS);
      assert.equal(ended.properties.status, 'Completed', JSON.stringify(ended.properties.errorDetails));
      completed++;
    }
    assert.equal(hits, KILLS);
  });

test('nothing is left over, and every point that was shown Completed restores', { skip }, async () => {
  const job = await trigger();
  await waitFor('the last backup', async () => over(await jobOf(job)), TAKEN_OVER_WITHIN_MS);
  completed++;
  await server.stop();
  assert.deepEqual(await (await openGuestHost()).reconcile(GUEST), []);
  server = await ServerProcess.start(data, port);
  const points = await server.arm.list<RecoveryPoint>(
    'backup',
    below(itemPath(vault, CONTAINER, ITEM), 'recoveryPoints'),
  );
  assert.equal(points.length, completed, 'one point a job, neither lost nor doubled');
  for (const [index, point] of points.entries()) {
    if (index % 4 !== 0) continue;
    const targetFolder = `after-kills/${point.name}`;
    const body = {
      properties: {
        objectType: 'IaasVMRestoreRequest',
        recoveryType: 'RestoreDisks',
        recoveryPointId: point.name,
        strongroom: { targetFolder },
      },
    };
    const path = below(itemPath(vault, CONTAINER, ITEM), 'recoveryPoints', point.name, 'restore');
    const restored = await operationJob(await server.arm.send('POST', 'backup', path, { body }));
    const end = await waitFor('the restore', async () => over(await jobOf(restored)), TAKEN_OVER_WITHIN_MS);
    assert.equal(end.properties.status, 'Completed', JSON.stringify(end.properties.errorDetails));
    const folder = join(data, 'restores', targetFolder);
    for (const file of readdirSync(folder).filter((name) => name.endsWith('.raw'))) await fsck(join(folder, file));
    const os = join(folder, `${GUEST.name}-os.raw`);
    const lines = (await readFromImage(os, 'journal')).split('\n').length - 1;
    assert.equal(Number(await readFromImage(os, 'quiesced')), lines, 'the marker of its freeze');
    rmSync(folder, { recursive: true });
  }
});

const openGuestHost = (): Promise<MachineHost> =>
  openQemuHost({
    name: 'qemu',
    folder: join(data, 'hosts/qemu'),
    stateFolder: join(data, 'host-state/qemu'),
    clock: systemClock,
  });

async function trigger(): Promise<string> {
  const path = below(itemPath(vault, CONTAINER, ITEM), 'backup');
  return operationJob(
    await server.arm.send('POST', 'backup', path, { body: { properties: { objectType: 'IaasVMBackupRequest' } } }),
  );
}

async function operationJob({
  headers,
}: {
  readonly headers: Record<string, string | string[] | undefined>;
}): Promise<string> {
  const id = new URL(String(headers['azure-asyncoperation'])).pathname.split('/').at(-1)!;
  const path = below(vault, 'backupOperations', id);
  return waitFor('the operation', async () => {
    const { properties } = await server.arm.get<{ properties?: { jobId?: string } }>('backup', path);
    return properties?.jobId;
  });
}

const jobOf = (name: string): Promise<Job> => server.arm.get<Job>('backup', below(vault, 'backupJobs', name));

const taskOf = async (name: string, phase: string) =>
  (await jobOf(name)).properties.extendedInfo?.tasksList?.find(({ taskId }) => taskId === phase);

const over = (job: Job): Job | undefined =>
  job.properties.status === 'InProgress' || job.properties.status === 'Cancelling' ? undefined : job;

/** What the dead server had written down last. */
function statusInDatabase(job: string, phase: string): string | undefined {
  const db = new DatabaseSync(join(data, 'strongroom.sqlite'), { readOnly: true });
  try {
    const { body } = db.prepare('select body from jobs where id = ?').get(job) as { body: string };
    const { subTasks } = JSON.parse(body) as { subTasks: { name: string; status: string }[] };
    return subTasks.find(({ name }) => name === phase)?.status;
  } finally {
    db.close();
  }
}

/** The agent runs a program, which it refuses in a frozen guest and cannot in a stopped one. */
async function isAlive(): Promise<boolean> {
  const run = await openRunFolder(join(data, 'host-state/qemu'));
  const { agent } = managedSockets(run, GUEST as DescribedMachine);
  return (await inGuest(agent, 'echo alive').catch(() => '')).startsWith('alive');
}

async function waitFor<T>(what: string, look: () => Promise<T | undefined | false>, timeoutMs = 60_000): Promise<T> {
  const end = systemClock.now() + timeoutMs;
  for (;;) {
    const found = await look();
    if (found) return found;
    assert.ok(systemClock.now() < end, `${what}: not within ${timeoutMs} ms`);
    await systemClock.sleep(40);
  }
}
