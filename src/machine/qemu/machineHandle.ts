import { access, readFile, rm, writeFile } from 'node:fs/promises';
import type { Clock } from '../../lib/clock.ts';
import { CodedError, isCoded, isSystemError } from '../../lib/error.ts';
import { KeyedLock } from '../../lib/keyedLock.ts';
import type { Collection } from '../collection/collection.ts';
import type { DescribedMachine } from '../description/folder.ts';
import type { PowerState } from '../machine.ts';
import { isAlive } from '../tools/isAlive.ts';
import { AgentDoor } from './agentDoor.ts';
import { AgentProbe } from './agentProbe.ts';
import { GuestAgent } from './guestAgent.ts';
import { launch } from './launch.ts';
import { MonitorLink } from './monitorLink.ts';
import { QemuSilent } from './qmp.ts';
import type { Sockets } from './sockets.ts';
import { launchedMark } from './underWay.ts';

const POLL_MS = 100;
const SHUTDOWN_MS = 120_000;
const POWER = 'power';

/** One machine's QEMU as this process reaches it: its monitor, its agent, its power. */
export class MachineHandle {
  readonly link: MonitorLink;
  readonly agent: AgentDoor;
  readonly probe: AgentProbe;
  readonly sockets: Sockets;
  readonly #collection: Collection;
  readonly #clock: Clock;
  readonly #lock = new KeyedLock();

  constructor(sockets: Sockets, collection: Collection, clock: Clock) {
    this.sockets = sockets;
    this.link = new MonitorLink(sockets.qmp);
    this.agent = new AgentDoor(sockets.agent);
    this.probe = new AgentProbe(this.agent, clock);
    this.#collection = collection;
    this.#clock = clock;
  }

  /** QEMU's word for its state; undefined when no QEMU runs. Errors: HostUnavailable for one that does not answer. */
  async status(signal?: AbortSignal): Promise<string | undefined> {
    try {
      return (await this.link.use((qmp) => qmp.command<{ status: string }>('query-status'), signal)).status;
    } catch (error) {
      const isGone = isCoded(error, 'HostUnavailable') && !(error instanceof QemuSilent);
      if (isGone && !isSystemError(error.cause, 'EACCES')) return undefined;
      throw error;
    }
  }

  /** While the monitor is lent a snapshot is being cut: the machine then runs. */
  async powerState(signal?: AbortSignal): Promise<PowerState> {
    if (this.link.isLent) return 'running';
    const status = await this.status(signal);
    if (status === undefined || status === 'prelaunch' || status === 'shutdown') return 'stopped';
    return status === 'running' ? 'running' : 'paused';
  }

  start(machine: DescribedMachine): Promise<void> {
    return this.#lock.run(POWER, async () => {
      this.probe.forget();
      const status = await this.status();
      if (status === undefined) return this.#launch(machine, false);
      // A QEMU in prelaunch is there for a snapshot: the machine boots from it, and the snapshot stays as of before.
      if (status !== 'running') await this.link.use((qmp) => qmp.command('cont'));
      await rm(launchedMark(this.#collection.folder), { force: true });
    });
  }

  async stop(graceful: boolean, signal?: AbortSignal): Promise<void> {
    if (!graceful || (await this.powerState()) !== 'running') return this.#lock.run(POWER, () => this.#quit());
    await this.#askToShutDown();
    const until = this.#clock.now() + SHUTDOWN_MS;
    while ((await this.powerState()) !== 'stopped') {
      if (this.#clock.now() > until)
        throw new CodedError(
          'UserErrorVmNotInDesirableState',
          `the guest did not shut down in ${SHUTDOWN_MS / 1000} s`,
          {
            recommendations: ['Stop it without `graceful`, which cuts the power.'],
          },
        );
      await this.#clock.sleep(POLL_MS, signal);
    }
    await this.#quit();
  }

  /** Runs `work` while a QEMU is there: for a powered-off machine one whose vCPUs never start. */
  async whileLaunched<T>(machine: DescribedMachine, work: () => Promise<T>): Promise<T> {
    const launched = await this.#lock.run(POWER, async () => {
      if ((await this.status()) !== undefined) return false;
      await writeFile(launchedMark(this.#collection.folder), '', { mode: 0o600 });
      await this.#launch(machine, true);
      return true;
    });
    try {
      return await work();
    } finally {
      if (launched) await this.endLaunched();
    }
  }

  /** Ends a QEMU that was there for a snapshot alone; not when the machine was started from it meanwhile. */
  endLaunched(): Promise<boolean> {
    return this.#lock.run(POWER, async () => {
      const mark = launchedMark(this.#collection.folder);
      const marked = await access(mark).then(
        () => true,
        () => false,
      );
      const ended = marked && (await this.status()) === 'prelaunch';
      if (ended) await this.#quit();
      await rm(mark, { force: true });
      return ended;
    });
  }

  async #quit(): Promise<void> {
    try {
      await this.link.use((qmp) => qmp.command('quit'));
    } catch (error) {
      // It is gone already, or before it has answered.
      if (!isCoded(error, 'HostUnavailable')) throw error;
    }
    while ((await this.status()) !== undefined) await this.#clock.sleep(POLL_MS);
    await this.#waitForEnd();
    this.probe.forget();
  }

  /** QEMU removes its pid file last, when its images are closed; one that was killed leaves it behind. */
  async #waitForEnd(): Promise<void> {
    const until = this.#clock.now() + SHUTDOWN_MS;
    while ((await isRunning(this.sockets.pidFile)) && this.#clock.now() < until) await this.#clock.sleep(POLL_MS);
  }

  async #askToShutDown(): Promise<void> {
    try {
      await using agent = await GuestAgent.connect(this.sockets.agent);
      await agent.synchronize({ timeoutMs: 3_000 });
      // The agent does not answer a shutdown that it carries out.
      await agent.ask('guest-shutdown', { mode: 'powerdown' }, { timeoutMs: 1_000 });
    } catch (error) {
      if (!isCoded(error, 'GuestAgentUnavailable')) throw error;
      await this.link
        .use((qmp) => qmp.command('system_powerdown'))
        .catch((gone: unknown) => {
          if (!isCoded(gone, 'HostUnavailable')) throw gone;
        });
    }
  }

  async #launch(machine: DescribedMachine, paused: boolean): Promise<void> {
    await this.#waitForEnd();
    await launch(machine, this.sockets, this.#collection.folder, { paused });
  }
}

const isRunning = async (pidFile: string): Promise<boolean> => {
  const text = await readFile(pidFile, 'utf8').catch((error: unknown) => {
    if (isSystemError(error, 'ENOENT')) return '';
    throw error;
  });
  const pid = Number.parseInt(text, 10);
  return Number.isInteger(pid) && isAlive(pid);
};
