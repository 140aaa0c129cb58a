import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { InvalidArgumentError } from '@commander-js/extra-typings';
import { UsageError } from '../exit.ts';
import { leaf, oneOf } from '../options.ts';
import { actLocally, type Shell } from '../shell.ts';

const MODES = ['governance', 'compliance'] as const;

/** `strongroom store serve`: the store daemon, until it is told to stop. */
export const serve = (shell: Shell) =>
  leaf('serve', 'Keep stores for others: put, get, list and lock, nothing deleted before its lock ends')
    .requiredOption('--root <folder>', 'where the stores lie; its owner should run nothing else')
    .requiredOption('--socket <path>', 'the unix socket of those who write and read')
    .option('--reaper-socket <path>', 'the unix socket of who may delete what is no longer locked')
    .option('--group <group>', 'the group that may open the socket; name or number')
    .option('--reaper-group <group>', 'the group that may open the reaper socket')
    .option('--landing-days <days>', 'every object is locked for so long from its put on', days, 7)
    .option('--max-lock-days <days>', 'no lock reaches further ahead', days, 9999)
    .option(
      '--mode <mode>',
      'compliance: refuse to run where files cannot be made immutable',
      oneOf(MODES),
      'governance',
    )
    .option('--adopt-days <days>', 'keep objects whose lock is not known for so long from now on', days)
    .option('--confirm-clock', "the machine's clock is right: count what was held back")
    .action(
      actLocally(shell, async ({ terminal, clock, signal, say }, options) => {
        const { startStoreDaemon } = await import('../../store/storeDaemon.ts');
        const path = (word: string) => resolve(terminal.cwd, word);
        await using daemon = await startStoreDaemon({
          root: path(options.root),
          socket: path(options.socket),
          ...(options.reaperSocket !== undefined && { reaperSocket: path(options.reaperSocket) }),
          ...(options.group !== undefined && { groupId: await groupId(options.group) }),
          ...(options.reaperGroup !== undefined && { reaperGroupId: await groupId(options.reaperGroup) }),
          ...(options.adoptDays !== undefined && { adoptDays: options.adoptDays }),
          landingDays: options.landingDays,
          maxLockDays: options.maxLockDays,
          mode: options.mode,
          confirmClock: options.confirmClock ?? false,
          clock,
          report: ({ message }) => say(`WARNING: ${message}`),
        });
        const { mode, immutableFlag } = daemon.describe();
        say(`The store daemon listens on ${path(options.socket)}; mode ${mode}, immutable flag ${immutableFlag}.`);
        await untilStopped(signal);
      }),
    );

function days(text: string): number {
  const value = Number(text);
  if (text === '' || !Number.isInteger(value) || value < 0 || value > 9999) {
    throw new InvalidArgumentError('Legal values: whole days, 0 to 9999.');
  }
  return value;
}

/** Node has no call for it. */
async function groupId(group: string): Promise<number> {
  if (/^\d{1,9}$/.test(group)) return Number(group);
  const line = (await readFile('/etc/group', 'utf8')).split('\n').find((one) => one.startsWith(`${group}:`));
  const id = line?.split(':')[2];
  if (id !== undefined) return Number(id);
  throw new UsageError(`option '--group <group>' argument '${group}': this machine has no such group`);
}

const untilStopped = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const stop = () => resolve();
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    process.once('SIGTERM', stop);
  });
