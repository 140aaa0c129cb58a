import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Backend } from '../../store/backend.ts';
import type { KeyEncryptionKey } from '../../store/keys.ts';
import type { DrillReport } from '../../store/kitDrill.ts';
import { CommandFailed, UsageError } from '../exit.ts';
import { wholeFrom1 } from '../options.ts';
import { actLocally, type Local, type Shell } from '../shell.ts';
import {
  access,
  backendOf,
  inPlace,
  keyOf,
  kitText,
  onStore,
  type StoreOptions,
  secretOf,
  specFor,
} from '../storeAccess.ts';
import { counted, damageLine, shown } from '../storeWork.ts';

/** Commands of the group `store` on keys: docs/keys.md. */
export const storeKeyCommands = (shell: Shell) => [
  changeKeyCommand(shell),
  newGenerationCommand(shell),
  kitCommand(shell),
  drillCommand(shell),
  unpackKitCommand(shell),
];

const FORGET = [
  '--forget-old',
  'then delete the older keys objects: what they were opened with opens nothing more',
] as const;
const KIT_IS_OLD = 'NOTE: the recovery kit of before is out of date: `strongroom store kit` prints the new one.';

const changeKeyCommand = (shell: Shell) =>
  onStore('change-key', 'Give the store another key: one small object is written, nothing is sealed anew')
    .option('--new-key-file <file>', 'the key to come: a file of 32 bytes, made when it is not there')
    .option('--new-passphrase-file <file>', 'or a file that holds the passphrase to come')
    .option('--new-key-command <words...>', 'or a program and arguments that print the passphrase to come')
    .option('--new-key-source <file>', 'or a .kek.json')
    .option(...FORGET)
    .action(
      actLocally(shell, async (local, options) => {
        const { changeKey } = await import('../../store/keyChanges.ts');
        const { backend, kek } = await access(local, withoutKit(options));
        const to = await newKey(local, options);
        const change = await changeKey(backend, kek, to);
        local.say('NOTE: a server that opens this store needs the new key now: docs/keys.md, "By hand".');
        local.say(KIT_IS_OLD);
        return { ...change, ...(options.forgetOld && (await forget(backend, to))) };
      }),
    );

interface NewKeyOptions {
  readonly newKeyFile?: string | undefined;
  readonly newPassphraseFile?: string | undefined;
  readonly newKeyCommand?: readonly string[] | undefined;
  readonly newKeySource?: string | undefined;
}

async function newKey(local: Local, options: NewKeyOptions & StoreOptions): Promise<KeyEncryptionKey> {
  const { newKeyFile, newPassphraseFile, newKeyCommand, newKeySource, store, folder } = options;
  const key = {
    ...{ store, folder, keyFile: newKeyFile, passphraseFile: newPassphraseFile },
    ...{ keyCommand: newKeyCommand, keySource: newKeySource },
  };
  const others = [newPassphraseFile, newKeyCommand, newKeySource].some((other) => other !== undefined);
  if (newKeyFile !== undefined && !others) await makeKeyFile(resolve(local.terminal.cwd, newKeyFile));
  return keyOf(local, key, 'new-');
}

/** On disk before anything is wrapped with it. */
async function makeKeyFile(file: string): Promise<void> {
  if (existsSync(file)) return;
  await writeNew(file, randomBytes(32), '--new-key-file <file>');
}

const newGenerationCommand = (shell: Shell) =>
  onStore('new-generation', 'Seal what is new with new keys; what is there stays readable')
    .option(...FORGET)
    .action(
      actLocally(shell, async (local, options) => {
        const { newGeneration } = await import('../../store/keyChanges.ts');
        const { backend, kek } = await access(local, withoutKit(options));
        const change = await newGeneration(backend, kek);
        local.say('NOTE: a running server takes the new keys into use with its next drill, or at its next start.');
        local.say(KIT_IS_OLD);
        return { ...change, ...(options.forgetOld && (await forget(backend, kek))) };
      }),
    );

/** A kit opens its own copy of the keys, and what changes must be the newest ones. */
function withoutKit(options: StoreOptions): StoreOptions {
  if (options.kit === undefined) return options;
  throw new UsageError("option '--kit <file>' does not change keys: give the store's key");
}

async function forget(backend: Backend, kek: KeyEncryptionKey) {
  const { forgetOldKeys } = await import('../../store/keyChanges.ts');
  const { forgotten, locked } = await forgetOldKeys(backend, backend, kek);
  return { forgotten, locked };
}

const kitCommand = (shell: Shell) =>
  onStore('kit', 'Print the recovery kit of a store: all that is needed to read it besides its objects')
    .option('--vault-name <name>', 'the name on the page; without it, the id of the vault')
    .option('--target-file <file>', 'write it there, readable by its owner alone, instead of printing it')
    .action(
      actLocally(shell, async (local, options) => {
        const { makeKit, printKit } = await import('../../store/recoveryKit.ts');
        const { openStore } = await import('../../store/store.ts');
        const { backend, kek } = await access(local, withoutKit(options));
        const { vaultId } = await openStore(backend, kek);
        const { specInWords } = await import('../../store/specInWords.ts');
        const places = specInWords(await specFor(local, options));
        const { keyCommand: command, keySource } = options;
        const kit = await makeKit(backend, kek, {
          vaultName: options.vaultName ?? vaultId,
          madeAt: local.clock.now(),
          places,
          ...(command && { kekInWords: `what the command ${command[0]} prints` }),
          ...(keySource !== undefined && { kekInWords: `what ${keySource} names` }),
        });
        if (options.targetFile === undefined) {
          local.terminal.stdout.write(printKit(kit));
          return undefined;
        }
        const file = resolve(local.terminal.cwd, options.targetFile);
        await writeNew(file, printKit(kit), '--target-file <file>');
        return { vaultId, keysNumber: kit.keys.number, file };
      }),
    );

async function writeNew(file: string, content: string | Uint8Array, option: string): Promise<void> {
  try {
    await using handle = await open(file, 'wx', 0o600);
    await handle.writeFile(content);
    await handle.sync();
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code;
    if (why === undefined) throw error;
    throw new UsageError(`option '${option}' names a file that cannot be made: ${file} (${why})`);
  }
}

const unpackKitCommand = (shell: Shell) =>
  inPlace('unpack-kit', 'Write the key of a recovery kit as a key file, and put its keys object back into the store')
    .requiredOption('--kit <file>', 'the kit, typed or scanned: its numbered lines are enough')
    .option('--target-key-file <file>', 'write the key there, readable by its owner alone')
    .action(
      actLocally(shell, async (local, options) => {
        const { readKit, openKit, putKitKeys } = await import('../../store/recoveryKit.ts');
        const kit = readKit(await kitText(local, options.kit));
        if (options.targetKeyFile !== undefined) {
          const kek = openKit(kit);
          if (kek.kind !== 'file')
            throw new UsageError("option '--target-key-file <file>': this kit holds no key file");
          await writeNew(resolve(local.terminal.cwd, options.targetKeyFile), kek.bytes, '--target-key-file <file>');
        }
        const put = await putKitKeys(await backendOf(local, options, kit), kit);
        return { vaultId: kit.vaultId, keysObject: `keys/${kit.keys.number}`, put };
      }),
    );

const drillCommand = (shell: Shell) =>
  inPlace('drill', 'Prove a recovery kit: open the newest point of each item with the kit and the store alone')
    .requiredOption('--kit <file>', 'the kit, typed or scanned: its numbered lines are enough')
    .option('--sample <leaves>', 'open only so many leaves of each disk (of 64 MiB), by chance', wholeFrom1)
    .option('--key-file <file>', 'the key, where the kit names it and does not print it')
    .option('--passphrase-file <file>', 'a file that holds the passphrase, where the kit names one')
    .option('--key-command <words...>', 'a program and arguments that print it')
    .option('--key-source <file>', 'a .kek.json')
    .action(
      actLocally(shell, async (local, options) => {
        const { drillKit } = await import('../../store/kitDrill.ts');
        const { readKit } = await import('../../store/recoveryKit.ts');
        const text = await kitText(local, options.kit);
        const kit = readKit(text);
        const backend = await backendOf(local, options, kit);
        const secret = await secretOf(local, options, kit);
        const report = await shown(
          local,
          'Drill',
          (onProgress) =>
            drillKit(text, {
              ...{ backend, signal: local.signal, onProgress },
              ...(secret && { secret }),
              ...(options.sample !== undefined && { sampleLeaves: options.sample }),
            }),
          ({ damages }) => (damages.length === 0 ? undefined : counted(damages.length, 'damage')),
        );
        await local.print({
          result: report.ok ? 'PASS' : 'FAIL',
          ...report,
          madeAt: new Date(report.madeAt).toISOString(),
        });
        tellWhatIsWrong(local, report);
      }),
    );

function tellWhatIsWrong(local: Local, { ok, outOfDate, damages, keysNumber, newestKeysNumber }: DrillReport): void {
  if (outOfDate)
    local.say(`WARNING: the kit is out of date: it holds keys/${keysNumber}, the store has keys/${newestKeysNumber}.`);
  if (!ok) throw new CommandFailed('The recovery kit does not open all that it should.', damages.map(damageLine));
}
