import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { buildGuestPackages } from '../scripts/guestPackage/build.ts';

const PROGRAM = 'usr/lib/strongroom/vm-snapshot';
const SOURCE = 'src/machine/extension/vm-snapshot.sh';
const has = (tool: string) => spawnSync(tool, ['--version']).error === undefined;

test('the packages of the guest extension are alike in every byte', () => {
  const [one, other] = [buildGuestPackages(), buildGuestPackages()];
  assert.deepEqual(one, other);
  assert.match(one.version, /^\d+\.\d+$/);
});

test('the tarball holds the program for root alone', { skip: has('tar') ? false : 'tar is not installed' }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'sr-package-'));
  try {
    writeFileSync(join(folder, 'it.tar.gz'), buildGuestPackages().tarball);
    execFileSync('tar', ['-xzpf', join(folder, 'it.tar.gz'), '-C', folder]);
    assert.equal(readFileSync(join(folder, PROGRAM), 'utf8'), readFileSync(SOURCE, 'utf8'));
    assert.equal(statSync(join(folder, PROGRAM)).mode & 0o777, 0o700);
    const example = join(folder, 'usr/share/doc/strongroom-guest/examples/VMSnapshotScriptPluginConfig.json');
    assert.equal((JSON.parse(readFileSync(example, 'utf8')) as { pluginName: string }).pluginName, 'ScriptRunner');
    const listed = execFileSync('tar', ['-tvzf', join(folder, 'it.tar.gz')], { encoding: 'utf8' });
    for (const line of listed.trim().split('\n')) assert.match(line, /^[d-][rwx-]{9} root\/root /);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('the Debian package is one to dpkg', { skip: has('dpkg-deb') ? false : 'dpkg-deb is not installed' }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'sr-package-'));
  try {
    const { deb, version } = buildGuestPackages();
    const file = join(folder, 'it.deb');
    writeFileSync(file, deb);
    const field = (name: string) => execFileSync('dpkg-deb', ['-f', file, name], { encoding: 'utf8' }).trim();
    assert.deepEqual(['Package', 'Version', 'Architecture', 'Depends'].map(field), [
      'strongroom-guest',
      version,
      'all',
      'qemu-guest-agent, coreutils | busybox',
    ]);
    execFileSync('dpkg-deb', ['-x', file, join(folder, 'root')]);
    execFileSync('dpkg-deb', ['-e', file, join(folder, 'control')]);
    assert.equal(readFileSync(join(folder, 'root', PROGRAM), 'utf8'), readFileSync(SOURCE, 'utf8'));
    execFileSync('md5sum', ['--quiet', '-c', join(folder, 'control/md5sums')], { cwd: join(folder, 'root') });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
