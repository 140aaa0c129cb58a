import type { Clock } from '../../lib/clock.ts';
import { CodedError } from '../../lib/error.ts';
import { readAnswer } from '../extension/answer.ts';
import { FREEZE_DEFAULTS, type FreezeConfig, readFreezeConfig, readPluginHost } from '../extension/backupConf.ts';
import { scriptFailure } from '../extension/failures.ts';
import { EXTENSION_PATH } from '../extension/program.ts';
import { readScriptConfig, type ScriptConfig } from '../extension/scriptConfig.ts';
import type { ScriptFailure } from '../machine.ts';
import type { AgentDoor } from './agentDoor.ts';
import { runInGuest } from './guestExec.ts';

/** What the machine itself says of its snapshots. */
export interface GuestConfig {
  readonly freeze: FreezeConfig;
  /** Absent: it has no scripts, or they cannot be run. */
  readonly scripts?: ScriptConfig;
  /** Scripts are configured and cannot be run. */
  readonly failure?: ScriptFailure;
  /** With `failure`: no backup is wanted then. */
  readonly mustSucceed?: boolean;
}

const TIMEOUT_MS = 15_000;
const CONFIG = '/etc/azure/VMSnapshotScriptPluginConfig.json';
const PLUGIN_HOST = '/etc/azure/VMSnapshotPluginHost.conf';

/** Asks the extension; a machine without one, or whose agent does not answer, says nothing. Errors: the signal's reason. */
export const readGuestConfig = async (door: AgentDoor, clock: Clock, signal?: AbortSignal): Promise<GuestConfig> => {
  try {
    const program = { path: '/bin/sh', args: [EXTENSION_PATH, 'inspect'] };
    const { output } = await runInGuest(door, clock, program, { timeoutMs: TIMEOUT_MS, ...(signal ? { signal } : {}) });
    return guestConfigOf(readAnswer(output));
  } catch (error) {
    if (signal?.aborted || !(error instanceof CodedError)) throw error;
    return { freeze: FREEZE_DEFAULTS };
  }
};

/** From what `inspect` prints. */
const guestConfigOf = (answer: ReadonlyMap<string, string>): GuestConfig => {
  const freeze = readFreezeConfig(textOf(answer, 'backup'));
  const owner = answer.get('config');
  if (owner === undefined) return { freeze };
  if (!/^\d+ [0-7]*00$/.test(owner)) return unusable(freeze, `must have mode 600, not ${owner.split(' ')[1]}`, 317);
  if (!owner.startsWith('0 ')) return unusable(freeze, `must belong to root, not to user ${owner.split(' ')[0]}`, 318);
  const read = readScriptConfig(textOf(answer, 'config'));
  if ('problem' in read)
    return { ...unusable(freeze, `cannot be used: ${read.problem}`), mustSucceed: !read.continueBackupOnFailure };
  return { freeze, ...withPluginHost(answer, read.config) };
};

const withPluginHost = (answer: ReadonlyMap<string, string>, config: ScriptConfig): Omit<GuestConfig, 'freeze'> => {
  if (!answer.has('pluginHost')) return { scripts: config };
  const most = readPluginHost(textOf(answer, 'pluginHost'));
  if (most !== 'damaged')
    return { scripts: { ...config, timeoutSeconds: Math.min(config.timeoutSeconds, most ?? config.timeoutSeconds) } };
  const message = `The machine's ${PLUGIN_HOST} cannot be read, so its scripts were not run.`;
  return {
    failure: scriptFailure('IncorrectPluginhostFile', message),
    mustSucceed: !config.continueBackupOnFailure,
  };
};

const unusable = (freeze: FreezeConfig, why: string, number?: number): GuestConfig => ({
  freeze,
  failure: scriptFailure(
    'IncorrectJSONConfigFile',
    `The machine's ${CONFIG} ${why}; its scripts were not run.`,
    number,
  ),
});

const textOf = (answer: ReadonlyMap<string, string>, name: string): string =>
  Buffer.from(answer.get(`${name}Text`) ?? '', 'base64').toString();
