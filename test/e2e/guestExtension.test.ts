import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../../src/lib/clock.ts';
import { isCoded } from '../../src/lib/error.ts';
import {
  type Bench,
  booted,
  fileIn,
  inGuest,
  openBench,
  REF,
  restoreTo,
  skipWithoutQemu,
} from './machine/guestFixture.ts';

const CONFIG = {
  pluginName: 'ScriptRunner',
  preScriptLocation: '/run/pre.sh',
  postScriptLocation: '/run/post.sh',
  preScriptParams: ["it's quiet", '$HOME'],
  postScriptParams: ['again'],
  preScriptNoOfRetries: 0,
  postScriptNoOfRetries: 0,
  timeoutInSeconds: 20,
  continueBackupOnFailure: true,
  fsFreezeEnabled: true,
  ScriptsExecutionPollTimeSeconds: 1,
};

/** Each step of a snapshot as the guest itself saw it: scripts and freeze write it into the guest's memory. */
const PREPARE = `
cat >/etc/qemu/fsfreeze-hook.d/order <<'END'
#!/bin/sh
echo "$1" >>/run/order
END
cat >/run/pre.sh <<'END'
#!/bin/sh
echo "pre <$1> <$2>" >>/run/order
echo quiet >/mnt/vda/state
if [ -e /run/pre.slow ]; then sleep "$(cat /run/pre.slow)"; fi
exit "$(cat /run/pre.exit 2>/dev/null || echo 0)"
END
cat >/run/post.sh <<'END'
#!/bin/sh
echo "post <$1>" >>/run/order
echo busy >/mnt/vda/state
END
chmod 755 /etc/qemu/fsfreeze-hook.d/order
chmod 700 /run/pre.sh /run/post.sh
mkdir -p /etc/azure`;

const agentOf = (bench: Bench): string => {
  const run = join(bench.options.stateFolder, 'run');
  return join(run, readdirSync(run).find((name) => name.endsWith('.agent'))!);
};

const configure = (bench: Bench, different: Partial<typeof CONFIG> = {}, script = '') =>
  inGuest(
    agentOf(bench),
    `rm -f /run/order /run/pre.slow /run/pre.exit
cat >/etc/azure/VMSnapshotScriptPluginConfig.json <<'END'
${JSON.stringify({ ...CONFIG, ...different })}
END
chmod 600 /etc/azure/VMSnapshotScriptPluginConfig.json
${script}`,
  );

const order = async (bench: Bench): Promise<string[]> =>
  (await inGuest(agentOf(bench), 'cat /run/order 2>/dev/null')).trimEnd().split('\n');

const IN_ORDER = ["pre <it's quiet> <$HOME>", 'freeze', 'thaw', 'post <again>'];

test('the guest extension in a running machine', { skip: skipWithoutQemu, timeout: 120_000 }, async (t) => {
  using bench = await openBench(undefined, { freezeHook: false });
  const { host } = bench;
  assert.deepEqual(await host.extension.ensure(REF), { status: 'machineOff' });
  await host.start(REF);
  try {
    await booted(host);

    await t.test('it is installed once, and again when an older one is there', async () => {
      const { version } = host.extension;
      assert.deepEqual(await host.extension.ensure(REF), { status: 'installed', version, changed: true });
      assert.deepEqual(await host.extension.ensure(REF), { status: 'installed', version, changed: false });
      await inGuest(agentOf(bench), 'sed -i s/^VERSION=.*/VERSION=0.9/ /usr/lib/strongroom/vm-snapshot');
      assert.deepEqual(await host.extension.ensure(REF), { status: 'installed', version, changed: true });
      assert.equal((await inGuest(agentOf(bench), 'stat -c %a /usr/lib/strongroom/vm-snapshot')).trim(), '700');
    });

    await t.test('without scripts a point is file-system consistent', async () => {
      const snapshot = await host.snapshot(REF, { id: 'plain' });
      assert.deepEqual([snapshot.consistency, snapshot.scripts], ['fileSystem', undefined]);
    });

    await t.test('pre script, freeze, thaw, post script; the point has what the pre script wrote', async () => {
      await inGuest(agentOf(bench), PREPARE);
      await configure(bench);
      const snapshot = await host.snapshot(REF, { id: 'app' });
      assert.equal(snapshot.consistency, 'application', snapshot.consistencyReason ?? '');
      assert.deepEqual(snapshot.scripts, { succeeded: true, failures: [] });
      assert.deepEqual(await order(bench), IN_ORDER);
      const image = join(bench.folder, 'app.img');
      await using disk = await host.openDisk(REF, 'app', -1);
      await restoreTo(image, disk);
      assert.equal(fileIn(image, '/state').trim(), 'quiet');
      assert.equal((await inGuest(agentOf(bench), 'cat /mnt/vda/state')).trim(), 'busy');
    });

    await t.test(
      'a script that fails leaves a file-system consistent point, or none if the machine says so',
      async () => {
        await configure(bench, { preScriptNoOfRetries: 1 }, 'echo 7 >/run/pre.exit');
        const snapshot = await host.snapshot(REF, { id: 'failed' });
        assert.equal(snapshot.consistency, 'fileSystem');
        assert.match(snapshot.consistencyReason ?? '', /^Pre-ScriptExecutionFailed: .* ended with 7 at its try 2\.$/);
        assert.deepEqual(await order(bench), [IN_ORDER[0], ...IN_ORDER]);
        await configure(bench, { continueBackupOnFailure: false }, 'echo 7 >/run/pre.exit');
        await assert.rejects(host.snapshot(REF, { id: 'none' }), (error) =>
          isCoded(error, 'Pre-ScriptExecutionFailed'),
        );
        assert.deepEqual(
          (await host.snapshots(REF)).map(({ id }) => id),
          ['plain', 'app', 'failed'],
        );
        await eventually('the post script ran all the same', async () => (await order(bench)).includes('post <again>'));
      },
    );

    await t.test('a script that hangs is ended at its time', async () => {
      await configure(bench, { timeoutInSeconds: 1 }, 'echo 60 >/run/pre.slow');
      const snapshot = await host.snapshot(REF, { id: 'hung' });
      assert.equal(snapshot.consistency, 'fileSystem');
      assert.equal(snapshot.scripts?.failures[0]?.code, 'Pre-ScriptTimeout');
      assert.deepEqual(await order(bench), IN_ORDER);
    });

    await t.test('without a freeze the scripts alone make it application consistent', async () => {
      await configure(bench, { fsFreezeEnabled: false });
      const snapshot = await host.snapshot(REF, { id: 'unfrozen' });
      assert.deepEqual([snapshot.consistency, snapshot.frozenMs], ['application', 0]);
      assert.deepEqual(await order(bench), [IN_ORDER[0], IN_ORDER[3]]);
    });

    await t.test('vmbackup.conf names what is not frozen', async () => {
      await configure(bench, {}, "printf '[SnapshotThread]\\nMountsToSkip=/mnt/vdb/\\n' >/etc/azure/vmbackup.conf");
      const snapshot = await host.snapshot(REF, { id: 'some' });
      assert.equal(snapshot.consistency, 'application', snapshot.consistencyReason ?? '');
      await inGuest(agentOf(bench), 'rm /etc/azure/vmbackup.conf');
    });

    await t.test('a server that dies in between leaves the post script to the guest', async () => {
      await configure(bench, {}, 'echo 2 >/run/pre.slow');
      const program = join(import.meta.dirname, 'machine/snapshotProcess.ts');
      const options = JSON.stringify({ ...bench.options, postScriptGraceSeconds: 1 });
      const child = spawn(process.execPath, [program, options, 'snapshot', 'killed'], { stdio: 'inherit' });
      await eventually('the pre script runs', async () => (await order(bench)).some((line) => line.startsWith('pre')));
      child.kill('SIGKILL');
      await eventually('the guest ran its post script', async () => (await order(bench)).includes('post <again>'));
      await host.reconcile(REF);
      await configure(bench);
      assert.equal((await host.snapshot(REF, { id: 'after' })).consistency, 'application');
      assert.deepEqual(await order(bench), IN_ORDER);
    });
  } finally {
    await host.stop(REF);
  }
});

const eventually = async (what: string, check: () => Promise<boolean>): Promise<void> => {
  for (let tries = 0; tries < 100; tries++) {
    if (await check().catch(() => false)) return;
    await systemClock.sleep(100);
  }
  assert.fail(`did not come: ${what}`);
};
