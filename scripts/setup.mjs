// Runs on whatever Node is there (18 or newer): brings the packages, Node 26 and, as root on Debian, QEMU.
// Does nothing when all is in place, so it stands before every start.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const say = (text) => process.stderr.write(`setup: ${text}\n`);

const TOOLS = [
  { command: 'qemu-system-x86_64', debian: 'qemu-system-x86', gives: 'running guests' },
  { command: 'qemu-img', debian: 'qemu-utils', gives: 'qcow2, vhd, vhdx and vmdk images' },
  { command: 'mke2fs', debian: 'e2fsprogs', gives: 'the sample machines' },
  { command: 'depmod', debian: 'kmod', gives: 'the sample guest' },
  { command: 'cpio', debian: 'cpio', gives: 'the sample guest' },
  { command: 'gzip', debian: 'gzip', gives: 'the sample guest' },
];

requireNode(18);
installPackages();
requireNode26();
installTools();

function requireNode(major) {
  if (Number(process.versions.node.split('.')[0]) >= major) return;
  say(
    `Node ${process.versions.node} is too old: ${major} or newer is needed to begin with (Debian 12's nodejs will do).`,
  );
  process.exit(1);
}

function installPackages() {
  const stamp = join(root, 'node_modules', '.strongroom-lock');
  const wanted = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  say('installing the packages (npm ci) …');
  const npm = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  if (npm.status !== 0) {
    say('npm ci failed; its words are above. The npm registry must be reachable.');
    process.exit(1);
  }
  linkNode();
  writeFileSync(stamp, wanted);
}

/** npm scripts find Node 26 first on their PATH; older npm leaves the link out. */
function linkNode() {
  const runtime = join('node-linux-' + process.arch, 'bin', 'node');
  const link = join(root, 'node_modules', '.bin', 'node');
  if (!existsSync(join(root, 'node_modules', runtime))) {
    say(`no Node 26 for ${process.platform}-${process.arch} came with the packages: Linux on x64 or arm64 is needed.`);
    process.exit(1);
  }
  if (!existsSync(link)) symlinkSync(join('..', runtime), link);
}

/** The runtime is one binary that wants a library which a bare Debian lacks. */
function requireNode26() {
  const runs = () => spawnSync(join(root, 'node_modules', '.bin', 'node'), ['--version'], { encoding: 'utf8' });
  let tried = runs();
  if (tried.status !== 0 && canInstall()) {
    apt(['libatomic1']);
    tried = runs();
  }
  if (tried.status === 0) return;
  say(`Node 26 does not run here: ${tried.stderr?.trim() || tried.error?.message}`);
  say("Debian's libatomic1 is what it most often wants: apt-get install libatomic1");
  process.exit(1);
}

function installTools() {
  const missing = TOOLS.filter(({ command }) => !onPath(command));
  if (missing.length === 0) return;
  if (canInstall()) apt(missing.map(({ debian }) => debian));
  for (const { command, debian, gives } of missing.filter(({ command: name }) => !onPath(name)))
    say(`${command} is not here (Debian's ${debian}): ${gives} are left out.`);
}

function canInstall() {
  return process.getuid?.() === 0 && onPath('apt-get');
}

function apt(packages) {
  say(`installing ${packages.join(', ')} …`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const run = (...args) => spawnSync('apt-get', ['-qq', ...args], { env, stdio: ['ignore', 'ignore', 2] }).status === 0;
  run('update');
  if (!run('install', '-y', '--no-install-recommends', ...packages))
    say('apt-get install failed; its words are above.');
}

function onPath(command) {
  try {
    execFileSync('/bin/sh', ['-c', 'command -v "$0"', command], {
      stdio: 'ignore',
      env: { ...process.env, PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin` },
    });
    return true;
  } catch {
    return false;
  }
}
