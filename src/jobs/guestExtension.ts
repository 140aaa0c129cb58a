import {
  dueGuestExtensions,
  findGuestExtension,
  type GuestExtensionRecord,
  itemsWithoutExtension,
  lookAtOtherVersions,
  putGuestExtension,
} from '../db/guestExtensions.ts';
import { findItemsOfMachine } from '../db/items.ts';
import { CodedError } from '../lib/error.ts';
import { Periodic } from '../lib/periodic.ts';
import type { ExtensionState } from '../machine/machine.ts';
import type { ProtectedItem } from '../vault/protectedItem.ts';
import { isActivelyProtected } from '../vault/protection.ts';
import type { JobTools } from './context.ts';

const TICK_MS = 10_000;
const MACHINES_A_TICK = 40;
const MACHINES_AT_ONCE = 4;
/** A machine that is off is looked at again so soon after: it may have started. */
const OFF_MS = 30_000;
const FAILED_MS = 5 * 60_000;
const MOST_FAILED_MS = 60 * 60_000;
/** It may have been taken out of the machine, or the machine rolled back. */
const INSTALLED_MS = 24 * 60 * 60_000;

type Tools = Pick<JobTools, 'db' | 'clock' | 'log' | 'hosts'>;

/** Sees that every protected machine has the guest extension, as soon as it runs; its state is in db/guestExtensions.ts. */
export class GuestExtensions {
  readonly #tools: Tools;
  readonly #loop: Periodic;
  #versionsSeen = false;

  constructor(tools: Tools) {
    this.#tools = tools;
    const { clock, log } = tools;
    this.#loop = new Periodic({ clock, log, everyMs: TICK_MS, what: 'the guest extension' }, () => this.tick());
  }

  start(): void {
    this.#loop.start();
  }

  async stop(): Promise<void> {
    await this.#loop.stop();
  }

  /** All that is due now; one machine's trouble is its own. */
  async tick(): Promise<void> {
    const { db, clock, hosts } = this.#tools;
    const now = clock.now();
    if (!this.#versionsSeen)
      for (const { name, extension } of hosts.all) await lookAtOtherVersions(db.queries, name, extension.version, now);
    this.#versionsSeen = true;
    for (const item of await itemsWithoutExtension(db.queries, MACHINES_A_TICK))
      await putGuestExtension(db.queries, await this.#newRecord(item, now));
    const due = [...(await dueGuestExtensions(db.queries, now, MACHINES_A_TICK))];
    const worker = async () => {
      for (let record = due.shift(); record && !this.#loop.signal.aborted; record = due.shift())
        await this.#lookSafely(record);
    };
    await Promise.all(Array.from({ length: MACHINES_AT_ONCE }, worker));
  }

  async #newRecord(item: ProtectedItem, now: number): Promise<GuestExtensionRecord> {
    const { host, resourceGroup, vmName, vmId } = item;
    const known = await findGuestExtension(this.#tools.db.queries, resourceGroup, vmName);
    if (known?.vmId === vmId && known.host === host) return { ...known, lookAt: now };
    return { host, resourceGroup, vmName, vmId, status: 'pending', since: now, lookAt: now };
  }

  async #lookSafely(record: GuestExtensionRecord): Promise<void> {
    try {
      await this.#look(record);
    } catch (error) {
      if (this.#loop.signal.aborted) return;
      const machine = { resourceGroup: record.resourceGroup, name: record.vmName };
      this.#tools.log.error({ err: error, machine }, 'a guest extension could not be seen to');
    }
  }

  async #look(record: GuestExtensionRecord): Promise<void> {
    const { db, clock, log } = this.#tools;
    const item = (await findItemsOfMachine(db.queries, record.resourceGroup, record.vmName)).find(isActivelyProtected);
    // What is installed stays: it is taken out of a machine by its owner alone.
    if (!item) return putGuestExtension(db.queries, without(record, 'lookAt'));
    const machine = { host: item.host, vmId: item.vmId };
    const isSame = record.vmId === machine.vmId && record.host === machine.host;
    const before = isSame ? record : await this.#newRecord(item, clock.now());
    const state = await this.#ensure(before);
    const after = recordOf(before, state, clock.now());
    await putGuestExtension(db.queries, after);
    if (after.status === before.status && after.version === before.version) return;
    const of = { machine: { resourceGroup: after.resourceGroup, name: after.vmName }, why: after.message };
    if (after.status === 'failed') log.warn(of, 'the guest extension could not be installed');
    else log.info({ ...of, version: after.version }, `the guest extension is ${after.status}`);
  }

  async #ensure({ host, resourceGroup, vmName }: GuestExtensionRecord): Promise<ExtensionState> {
    try {
      const { extension } = this.#tools.hosts.get(host);
      return await extension.ensure({ resourceGroup, name: vmName }, this.#loop.signal);
    } catch (error) {
      if (this.#loop.signal.aborted || !(error instanceof CodedError)) throw error;
      return { status: 'failed', why: error.message, recommendation: error.recommendations[0] ?? TRIED_AGAIN };
    }
  }
}

const TRIED_AGAIN = 'Strongroom tries again by itself.';

const recordOf = (before: GuestExtensionRecord, state: ExtensionState, now: number): GuestExtensionRecord => {
  const { host, resourceGroup, vmName, vmId } = before;
  const machine = { host, resourceGroup, vmName, vmId };
  const status = state.status === 'machineOff' ? 'pending' : state.status;
  if (status === 'busy') return { ...before, lookAt: now + OFF_MS };
  const since = status === before.status ? before.since : now;
  switch (state.status) {
    case 'installed':
      return { ...machine, status: 'installed', version: state.version, since, lookAt: now + INSTALLED_MS };
    case 'failed': {
      const delayMs = Math.min(MOST_FAILED_MS, Math.max(FAILED_MS, now - since));
      const { why: message, recommendation } = state;
      return { ...machine, status: 'failed', message, recommendation, since, lookAt: now + delayMs };
    }
    case 'unsupported':
      return { ...machine, status: 'unsupported', message: state.why, since, lookAt: now + INSTALLED_MS };
    default:
      // What is in a machine is still in it when it is off.
      if (before.status === 'installed') return { ...before, lookAt: now + OFF_MS };
      return { ...machine, status: 'pending', message: MACHINE_OFF, since, lookAt: now + OFF_MS };
  }
};

const MACHINE_OFF = 'The machine is off: the extension is installed at its next start.';

const without = <T extends object, K extends keyof T>(value: T, key: K): Omit<T, K> => {
  const { [key]: _, ...rest } = value;
  return rest;
};
