import { existsSync } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type Clock, DAY_MS, HOUR_MS, MINUTE_MS } from '../lib/clock.ts';
import { CodedError } from '../lib/error.ts';
import { createDaemonServer } from './daemon/daemonServer.ts';
import { openFileFlags } from './daemon/fileFlags.ts';
import { Gate } from './daemon/gate.ts';
import { HeldClock, type Uptime } from './daemon/heldClock.ts';
import { listenOnSocket } from './daemon/listenOnSocket.ts';
import { LockedStores, storesFolder } from './daemon/lockedStores.ts';
import { LockTable } from './daemon/lockTable.ts';
import { machineUptime } from './daemon/machineUptime.ts';
import type { StoreDaemonDescription } from './describeDaemon.ts';

export type { Uptime } from './daemon/heldClock.ts';

export interface StoreDaemonOptions {
  /** Holds every store as a folder of objects, and the table of what is locked until when. Made with mode 0700. */
  readonly root: string;
  /** Unix socket of those who write: put, get, list, extend. Mode 0660. */
  readonly socket: string;
  /** Unix socket of who may also delete what is no longer locked; absent: nobody may. */
  readonly reaperSocket?: string;
  /** Group that may open the socket; absent: the daemon's own. */
  readonly groupId?: number;
  /** Group that may open the reaper socket; absent: the daemon's own. */
  readonly reaperGroupId?: number;
  /** Days every object is locked from its put on, 0 to 365. */
  readonly landingDays: number;
  /** `compliance` needs a file system and a right that make files immutable. */
  readonly mode: 'governance' | 'compliance';
  /** No lock reaches further than so many days ahead, so that nobody fills the storage for a century. */
  readonly maxLockDays: number;
  /** Objects whose lock is not known (the table was lost, files were copied in) are kept so long from now on. */
  readonly adoptDays?: number;
  /** The operator has made sure that the machine's clock is right: what was held back counts now. */
  readonly confirmClock?: boolean;
  readonly clock: Clock;
  readonly uptime?: () => Uptime;
  /** Takes what an operator should read: the clock was moved, files cannot be made immutable. */
  readonly report: (event: { readonly message: string }) => void;
}

export interface StoreDaemon extends AsyncDisposable {
  describe(): Omit<StoreDaemonDescription, 'deletes'>;
}

/** Errors: InvalidParameter, StorePlaceUnsuitable, DaemonRefused (the table of locks is gone and `adoptDays` is not given). */
export const startStoreDaemon = async (options: StoreDaemonOptions): Promise<StoreDaemon> => {
  assertOptions(options);
  const root = resolve(options.root);
  await mkdir(root, { recursive: true, mode: 0o700 });
  await assertClosedFolder(root);
  await using parts = new AsyncDisposableStack();
  const table = parts.use(openTable(root, options));
  const clock = new HeldClock(
    options.clock,
    options.uptime ?? machineUptime,
    options.confirmClock ? undefined : table.readClock(),
  );
  table.writeClock(clock.state());
  if (options.adoptDays !== undefined) table.writeAdoptedUntil(clock.now() + options.adoptDays * DAY_MS);
  const flags = await openFileFlags(root);
  if (typeof flags === 'string') sayUnflagged(options, flags);
  const stores = await LockedStores.open({
    ...options,
    root,
    table,
    clock,
    flags: typeof flags === 'string' ? undefined : flags,
  });
  parts.use(stores);
  const describe = () => ({
    mode: options.mode,
    landingDays: options.landingDays,
    maxLockDays: options.maxLockDays,
    immutableFlag: typeof flags === 'string' ? flags : 'set',
    now: clock.now(),
    heldBackMs: clock.heldBackMs,
  });
  const common = { stores, describe, report: options.report, bodies: new Gate(BODIES_AT_ONCE) };
  const doors = [{ path: options.socket, groupId: options.groupId, deletes: false }];
  if (options.reaperSocket !== undefined)
    doors.push({ path: options.reaperSocket, groupId: options.reaperGroupId, deletes: true });
  for (const { path, groupId, deletes } of doors)
    parts.use(await listenOnSocket(createDaemonServer({ ...common, deletes }), path, groupId));
  parts.use(keepTime(options, clock, table));
  const running = parts.move();
  return { describe, [Symbol.asyncDispose]: () => running.disposeAsync() };
};

function assertOptions({ landingDays, maxLockDays, adoptDays }: StoreDaemonOptions): void {
  for (const [name, value, most] of [
    ['landingDays', landingDays, 365],
    ['maxLockDays', maxLockDays, 9999],
    ['adoptDays', adoptDays ?? 0, 9999],
  ] as const) {
    if (Number.isInteger(value) && value >= 0 && value <= most) continue;
    throw new CodedError('InvalidParameter', `${name} ${value} must be whole days, 0 to ${most}.`, { target: name });
  }
}

/** Whoever else could write there would need no daemon to delete. */
async function assertClosedFolder(root: string): Promise<void> {
  const { uid, mode } = await stat(root);
  if (uid === process.geteuid?.() && (mode & 0o022) === 0) return;
  throw new CodedError('StorePlaceUnsuitable', `${root} belongs to another user, or others may write to it.`, {
    target: root,
    recommendations: [`Give it to the daemon's user alone: chown, then chmod 700 ${root}.`],
  });
}

/** A table that is gone while stores are there would leave everything unlocked. */
function openTable(root: string, { adoptDays }: StoreDaemonOptions): LockTable {
  const path = join(root, 'locks.sqlite');
  if (!existsSync(path) && existsSync(storesFolder(root)) && adoptDays === undefined) {
    throw new CodedError('DaemonRefused', `${root} holds stores, but its table of locks, ${path}, is gone.`, {
      target: path,
      recommendations: [
        'Put the table back from a copy of the host.',
        'Without one, start with --adopt-days <n>: every object that is there is kept for n days from now on.',
      ],
    });
  }
  return new LockTable(path);
}

function sayUnflagged({ mode, report, root }: StoreDaemonOptions, why: string): void {
  if (mode === 'compliance') {
    throw new CodedError('StorePlaceUnsuitable', `Files in ${root} cannot be made immutable: ${why}.`, {
      target: root,
      recommendations: [
        "Mode compliance needs ext4, xfs or btrfs and the right CAP_LINUX_IMMUTABLE; without them use '--mode governance'.",
      ],
    });
  }
  report({ message: `Files are not made immutable (${why}); the daemon alone keeps them.` });
}

/** Writes down the time that counts every hour, and tells when the machine's clock was moved. */
function keepTime({ clock: machine, report }: StoreDaemonOptions, clock: HeldClock, table: LockTable): AsyncDisposable {
  const stop = new AbortController();
  let told = 0;
  const work = (async () => {
    while (!stop.signal.aborted) {
      table.writeClock(clock.state());
      const aheadMs = clock.heldBackMs;
      if (aheadMs > 0 && told === 0) {
        report({
          message: `The machine's clock is ${Math.round(aheadMs / MINUTE_MS)} minutes ahead of the time that counts for locks; it is not followed. If it is right, restart with --confirm-clock.`,
        });
      }
      told = aheadMs;
      await machine.sleep(HOUR_MS, stop.signal).catch(() => {}); // woken up to stop
    }
  })();
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await work;
      table.writeClock(clock.state());
    },
  };
}

/** Of 64 MiB at most. */
const BODIES_AT_ONCE = 6;
