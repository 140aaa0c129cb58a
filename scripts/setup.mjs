// Runs on whatever Node is there (18 or newer): brings the packages, Node 26 and, as root on Debian, QEMU.
// Does nothing when all is in place, so it stands before every start.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
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
requireNode26(join(root, 'node_modules', '.bin', 'node'));
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
  const lock = readFileSync(join(root, 'package-lock.json'), 'utf8');
  const wanted = createHash('sha256').update(lock).digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  say('installing the packages (npm ci) …');
  const scratch = mkdtempSync(join(tmpdir(), 'strongroom-setup-'));
  try {
    const [command, ...args] = npmOnNode26(JSON.parse(lock), scratch);
    run(command, [...args, 'ci']);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  linkNode();
  writeFileSync(stamp, wanted);
}

/** npm leaves out optional packages that the Node it runs on is too old for, and some of ours are such: so it runs on 26. */
function npmOnNode26(lock, scratch) {
  const npm = process.env.npm_execpath;
  if (Number(process.versions.node.split('.')[0]) >= 26 || !npm) return ['npm'];
  const name = `node-linux-${process.arch}`;
  const { version } = lock.packages[`node_modules/${name}`] ?? {};
  run('npm', ['install', '--prefix', scratch, '--no-save', '--no-package-lock', `${name}@${version}`]);
  const node = join(scratch, 'node_modules', name, 'bin', 'node');
  requireNode26(node);
  return [node, npm];
}

function run(command, args) {
  // Debian's npm finds its own parts where Debian's Node looks for them.
  const NODE_PATH = [process.env.NODE_PATH, '/usr/share/nodejs', '/usr/lib/nodejs'].filter(Boolean).join(':');
  const options = ['--no-audit', '--no-fund', '--loglevel=error'];
  const env = { ...process.env, NODE_PATH, NODE_NO_WARNINGS: '1' };
  if (spawnSync(command, [...args, ...options], { cwd: root, stdio: ['ignore', 2, 2], env }).status === 0) return;
  say('npm failed; its words are above. The npm registry must be reachable.');
  process.exit(1);
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
function requireNode26(node) {
  const runs = () => spawnSync(node, ['--version'], { encoding: 'utf8' });
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
