import { readFile } from 'node:fs/promises';
import { Command, CommanderError, Help, type Option } from '@commander-js/extra-typings';
import { clearer } from './absent.ts';
import { EXIT, exitCodeOf, explain } from './exit.ts';
import { COMMON_OPTIONS } from './options.ts';
import type { Shell } from './shell.ts';

interface Group {
  readonly summary: string;
  readonly load: (shell: Shell) => Promise<Command>;
}

/** A group's file is read only when it is used, so that a start is quick. */
const GROUPS: Readonly<Record<string, Group>> = {
  account: {
    summary: 'The subscription and who is signed in',
    load: async (shell) => (await import('./commands/account.ts')).accountCommands(shell),
  },
  group: {
    summary: 'Resource groups',
    load: async (shell) => (await import('./commands/group.ts')).groupCommands(shell),
  },
  vm: {
    summary: 'Virtual machines of all hosts',
    load: async (shell) => (await import('./commands/vm.ts')).vmCommands(shell),
  },
  vault: {
    summary: 'Recovery Services vaults',
    load: async (shell) => (await import('./commands/vault.ts')).vaultCommands(shell),
  },
  policy: {
    summary: 'Backup policies',
    load: async (shell) => (await import('./commands/policy.ts')).policyCommands(shell),
  },
  protection: {
    summary: 'Protect machines and back them up',
    load: async (shell) => (await import('./commands/protection.ts')).protectionCommands(shell),
  },
  container: {
    summary: 'Machines registered with a vault',
    load: async (shell) => (await import('./commands/container.ts')).containerCommands(shell),
  },
  item: {
    summary: 'Protected items',
    load: async (shell) => (await import('./commands/item.ts')).itemCommands(shell),
  },
  recoverypoint: {
    summary: 'Recovery points',
    load: async (shell) => (await import('./commands/recoverypoint.ts')).recoverypointCommands(shell),
  },
  restore: {
    summary: 'Restore from a recovery point',
    load: async (shell) => (await import('./commands/restore.ts')).restoreCommands(shell),
  },
  job: {
    summary: 'What a vault does and did',
    load: async (shell) => (await import('./commands/job.ts')).jobCommands(shell),
  },
  principal: {
    summary: 'Who can sign in: service principals and users',
    load: async (shell) => (await import('./commands/principal.ts')).principalCommands(shell),
  },
  role: {
    summary: 'What principals may do',
    load: async (shell) => (await import('./commands/role.ts')).roleCommands(shell),
  },
  audit: {
    summary: 'The record of what was done and refused',
    load: async (shell) => (await import('./commands/audit.ts')).auditCommands(shell),
  },
  store: {
    summary: 'Rescue: read a store with its key alone, without the server',
    load: async (shell) => (await import('./commands/store.ts')).storeCommands(shell),
  },
};

const ABOUT = `Strongroom's command line, in the grammar of az.

client.json says which server is meant and how to sign in; it is looked for in --client,
STRONGROOM_CLIENT, $STRONGROOM_DATA/client.json and ./data/client.json.
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not found.`;

/** Runs one command line (without the program's name) and returns the process's exit code. */
export async function run(words: readonly string[], shell: Shell): Promise<number> {
  // What is typed from habit, `az backup vault list`, is understood as well.
  const line = words[0] === 'backup' ? words.slice(1) : words;
  const debug = line.includes('--debug');
  try {
    await (await program(line[0] === 'help' ? line[1] : line[0], shell)).parseAsync(line, { from: 'user' });
    return EXIT.ok;
  } catch (error) {
    if (error instanceof CommanderError) return usageExitCode(error);
    shell.terminal.stderr.write(explain(error));
    if (debug && error instanceof Error) shell.terminal.stderr.write(`DEBUG: ${error.stack}\n`);
    return exitCodeOf(error);
  }
}

async function program(word: string | undefined, shell: Shell): Promise<Command> {
  const root = new Command('strongroom').description(ABOUT);
  for (const [name, { summary, load }] of Object.entries(GROUPS)) {
    root.addCommand(word === name ? await load(shell) : new Command(name).summary(summary).description(summary));
  }
  if (word === '--version') root.version(await readVersion());
  else root.option('--version', 'print the version');
  settle(root, shell);
  return root;
}

async function readVersion(): Promise<string> {
  const file = new URL('../../package.json', import.meta.url);
  return (JSON.parse(await readFile(file, 'utf8')) as { version: string }).version;
}

/** Errors are thrown, not exited with; help goes to stdout, complaints to stderr. */
function settle(command: Command, shell: Shell, path: readonly string[] = []): void {
  const { stdout, stderr } = shell.terminal;
  command
    .exitOverride()
    .configureHelp({ groupItems: commonLast })
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => stderr.write(text),
      outputError: (text, write) => write(clearer(text, path)),
      getOutHelpWidth: () => stdout.columns ?? 100,
      getErrHelpWidth: () => stderr.columns ?? 100,
    });
  for (const child of command.commands) settle(child as unknown as Command, shell, [...path, child.name()]);
}

/** What every command takes stands last in its help. */
function commonLast<T extends Command | Option>(
  all: T[],
  visible: T[],
  groupOf: (item: T) => string,
): Map<string, T[]> {
  const groups = new Help().groupItems(all, visible, groupOf);
  const common = groups.get(COMMON_OPTIONS);
  groups.delete(COMMON_OPTIONS);
  if (common) groups.set(COMMON_OPTIONS, common);
  return groups;
}

/** Commander has printed what was wrong; help that was asked for is no error. */
const usageExitCode = (error: CommanderError): number => (error.exitCode === 0 ? EXIT.ok : EXIT.usage);
