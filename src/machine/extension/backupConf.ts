/** What the guest's vmbackup.conf and VMSnapshotPluginHost.conf say, as far as it means something here. */
export interface FreezeConfig {
  readonly fsfreeze: boolean;
  /** How long a freeze may take; absent: the host's own limit. */
  readonly timeoutSeconds?: number;
  readonly mountsToSkip: readonly string[];
  /** Whether to freeze after a pre script that failed, and after one that succeeded. */
  readonly afterFailure: boolean;
  readonly afterSuccess: boolean;
}

export const FREEZE_DEFAULTS: FreezeConfig = {
  fsfreeze: true,
  mountsToSkip: [],
  afterFailure: true,
  afterSuccess: true,
};

/** Section `[SnapshotThread]` of vmbackup.conf; what cannot be read counts as not said, as in Azure. */
export const readFreezeConfig = (text: string): FreezeConfig => {
  const keys = readSection(text, 'SnapshotThread') ?? new Map<string, string>();
  const flag = (name: string) => !/^(false|no|off|0)$/i.test(keys.get(name) ?? '');
  const seconds = secondsOf(keys.get('timeout'));
  return {
    fsfreeze: flag('fsfreeze'),
    ...(seconds === undefined ? {} : { timeoutSeconds: seconds }),
    mountsToSkip: (keys.get('mountstoskip') ?? '')
      .split(',')
      .map((mount) => mount.trim())
      .filter((mount) => mount.startsWith('/'))
      .map((mount) => (mount.length > 1 ? mount.replace(/\/+$/, '') : mount)),
    afterFailure: flag('onappfailuredofsfreeze'),
    afterSuccess: flag('onappsuccessdofsfreeze'),
  };
};

/** The most seconds a script may take; undefined: the file says nothing; 'damaged': it cannot be read. */
export const readPluginHost = (text: string): number | undefined | 'damaged' => {
  const keys = readSection(text, 'pre_post');
  if (!keys) return 'damaged';
  if (!keys.has('timeoutinseconds')) return undefined;
  return secondsOf(keys.get('timeoutinseconds')) ?? 'damaged';
};

const secondsOf = (text: string | undefined): number | undefined =>
  text !== undefined && /^[1-9]\d{0,5}$/.test(text) ? Number(text) : undefined;

/** Keys of one section of an INI file in lower case; undefined when there is no such section. */
const readSection = (text: string, wanted: string): ReadonlyMap<string, string> | undefined => {
  let keys: Map<string, string> | undefined;
  let inside = false;
  for (const line of text.split(/\r?\n/)) {
    const section = /^\s*\[([^\]]+)\]/.exec(line)?.[1];
    if (section !== undefined) {
      inside = section.trim().toLowerCase() === wanted.toLowerCase();
      if (inside) keys ??= new Map();
    }
    const [, key, value] = /^\s*([^#;=:\s][^=:]*?)\s*[=:]\s*(.*?)\s*$/.exec(line) ?? [];
    if (inside && section === undefined && key !== undefined) keys?.set(key.toLowerCase(), value ?? '');
  }
  return keys;
};
