import type { Store, StoreActions, StoreJob } from '../../api/wire/store.ts';
import { CodedError } from '../../lib/error.ts';
import { CommandFailed, Interrupted } from '../exit.ts';
import { below, vaultFlags } from '../ids.ts';
import { vaultPath } from '../items.ts';
import { leaf, oneOf } from '../options.ts';
import { act, type Session, type Shell } from '../shell.ts';

const POLL_MS = 500;

/** What is done to the store under a vault, as commands of the group `vault`. */
export const vaultStoreCommands = (shell: Shell) => [
  show(shell),
  jobs(shell),
  collect(shell),
  verify(shell),
  simple(shell, 'replicate', 'replicate', 'Bring all copies of the store up to date now'),
  simple(shell, 'extend-locks', 'extendLocks', "Extend the storage's locks to what is kept"),
  simple(shell, 'copy-catalogue', 'copyCatalogue', 'Copy the database into the store now'),
  rotateKeys(shell),
  simple(shell, 'drill-kit', 'drillKit', "Prove the vault's recovery kit: open its store with it alone"),
  switching(shell, 'fail-over', 'failOver', 'Read the vault from its secondary; nothing is stored meanwhile'),
  switching(shell, 'fail-back', 'failBack', 'Read and write the primary again'),
  promote(shell),
  simple(shell, 'reconcile', 'reconcile', 'Make the database agree with the store again'),
];

const onVault = (name: string, summary: string) =>
  leaf(name, summary)
    .requiredOption('-g, --resource-group <name>', "the vault's resource group")
    .requiredOption('-v, --vault-name <name>', 'the vault');

interface OnVault {
  readonly resourceGroup: string;
  readonly vaultName: string;
}

const pathOf = ({ arm }: Session, options: OnVault): string =>
  below(vaultPath(arm, options.resourceGroup, options.vaultName), 'stores', 'default');

const show = (shell: Shell) =>
  onVault('show-store', 'Show the store: places, size, what was verified, collected, copied and locked').action(
    act(shell, (session, options) => session.arm.get<Store>('backup', pathOf(session, options))),
  );

const jobs = (shell: Shell) =>
  onVault('list-store-jobs', "List the store's housekeeping, newest first").action(
    act(shell, (session, options) => session.arm.list<StoreJob>('backup', below(pathOf(session, options), 'jobs'))),
  );

const collect = (shell: Shell) =>
  onVault('collect', 'Free what no recovery point needs any more')
    .option('--dry-run', 'only tell what would go, and why')
    .option('--approve', 'go on although a brake asks for approval: much would be freed, or the clock jumped')
    .action(
      act(shell, async (session, options) => {
        const body: StoreActions['collect'] = { dryRun: options.dryRun, approved: options.approve };
        const job = await run(session, options, 'collect', body);
        if (!options.dryRun) return job;
        return (await session.arm.get<Store>('backup', pathOf(session, options))).properties.collectPlan;
      }),
    );

const verify = (shell: Shell) =>
  onVault('verify', 'Verify every object of the store, or one recovery point, and repair what can be repaired')
    .option(
      '--scope <scope>',
      'scrub: names against bytes; deep: open and re-hash every chunk; both without it, chunks of new points only',
      oneOf(['scrub', 'deep']),
    )
    .option('--point <id>', 'this recovery point alone')
    .action(
      act(shell, (session, options) => {
        const body: StoreActions['verify'] = { scope: options.scope, pointId: options.point };
        return run(session, options, 'verify', body);
      }),
    );

const ROTATIONS = ['changeKey', 'newGeneration', 'forgetOld'] as const;

const rotateKeys = (shell: Shell) =>
  onVault(
    'rotate-keys',
    "Take up a new key-encryption key, or seal what is new with new keys; the server's files say which",
  )
    .requiredOption('--what <what>', ROTATIONS.join(', '), oneOf(ROTATIONS))
    .action(act(shell, (session, { what, ...options }) => run(session, options, 'rotateKeys', { what })));

const simple = (shell: Shell, name: string, action: keyof StoreActions, summary: string) =>
  onVault(name, summary).action(act(shell, (session, options) => run(session, options, action, {})));

const switching = (shell: Shell, name: string, action: string, summary: string) =>
  onVault(name, summary).action(act(shell, (session, options) => switchCopy(session, options, action)));

const promote = (shell: Shell) =>
  onVault('make-secondary-primary', 'Let the vault live on in its secondary for good')
    .option('-y, --yes', 'do not ask')
    .action(
      act(shell, async (session, options) => {
        const question = `What was not copied to the secondary of ${options.vaultName} in time is lost. Go on?`;
        await session.confirm(question, options.yes);
        return switchCopy(session, options, 'makeSecondaryPrimary');
      }),
    );

const switchCopy = async (session: Session, options: OnVault, action: string): Promise<Store | undefined> =>
  (await session.arm.send<Store>('POST', 'backup', below(pathOf(session, options), action), { body: {} })).body;

/** Asks for it, waits for its job and prints that. Errors: CommandFailed with the job's own errors, Interrupted. */
async function run(session: Session, options: OnVault, action: keyof StoreActions, body: object): Promise<StoreJob> {
  const { arm, clock, signal } = session;
  const store = pathOf(session, options);
  const { body: asked } = await arm.send<StoreJob>('POST', 'backup', below(store, action), { body });
  if (!asked) throw new CodedError('ServerAnswerInvalid', `${action} was accepted without naming its job.`);
  const path = below(store, 'jobs', asked.name);
  try {
    for (;;) {
      const job = await arm.get<StoreJob>('backup', path);
      if (job.properties.endTime !== undefined) return ended(session, job);
      await clock.sleep(POLL_MS, signal);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
    const again = `strongroom vault list-store-jobs ${vaultFlags(store)}`;
    throw new Interrupted(`${asked.properties.operation} goes on in the vault: ${again} shows it.`);
  }
}

async function ended(session: Session, job: StoreJob): Promise<StoreJob> {
  const { status, operation, errors } = job.properties;
  if (status === 'Completed') return job;
  if (status === 'CompletedWithWarnings') {
    session.say(`WARNING: ${operation} completed with warnings.`);
    return job;
  }
  await session.print(job);
  const lines = errors.flatMap(({ code, message, recommendations }) => [
    `- (${code}) ${message}`,
    ...recommendations.map((recommendation) => `Recommendation: ${recommendation}`),
  ]);
  throw new CommandFailed(`${operation} ${status === 'Failed' ? 'failed' : 'was cancelled'} (job ${job.name}).`, lines);
}
