import { recordEndedJob } from '../db/jobs.ts';
import { getVault } from '../db/vaults.ts';
import { CodedError } from '../lib/error.ts';
import { readKek } from '../store/kek.ts';
import { changeKey, forgetOldKeys, newGeneration } from '../store/keyChanges.ts';
import { openStore } from '../store/store.ts';
import type { JobContext } from './context.ts';
import type { JobOutcome } from './runner.ts';
import type { OpenVault } from './vaultStores.ts';

/** What `RotateKeys` is asked for. Where a key comes from is never taken from a request: docs/keys.md. */
export const KEY_ROTATIONS = ['changeKey', 'newGeneration', 'forgetOld'] as const;
export type KeyRotation = (typeof KEY_ROTATIONS)[number];

/**
 * Job parameters: `what`, one of KEY_ROTATIONS. `changeKey` goes to what `keys/<vault>.kek.next.json` says, or to a new
 * file of random bytes. Done again after a crash, each goes on where it was cut off. A new recovery kit is written.
 */
export async function runRotateKeys(context: JobContext): Promise<JobOutcome> {
  const { job, stores, db, log } = context;
  const what = KEY_ROTATIONS.find((one) => one === job.parameters.what);
  if (!what)
    throw new CodedError('InvalidParameter', `what must be one of ${KEY_ROTATIONS.join(', ')}.`, { target: 'what' });
  const vault = await stores.open(job.vaultId);
  if (vault.failedOver)
    throw new CodedError('Conflict', 'The vault is read from its secondary now: its keys cannot change.', {
      recommendations: ['End the failover first.'],
    });
  const found = await ROTATIONS[what](context, vault);
  // what is new is sealed with the newest keys from the next job on; those that run end with the keys they have
  await stores.reopen(job.vaultId);
  const name = (await getVault(db.queries, job.vaultId))?.name;
  const kit = await stores.writeKit({ id: job.vaultId, ...(name === undefined ? {} : { name }) });
  log.warn({ vaultId: job.vaultId, what, keysNumber: kit.keysNumber }, 'the keys of this vault were changed');
  if (what === 'changeKey') await tellClients(context, name ?? job.vaultId);
  return { ...found, propertyBag: { ...found.propertyBag, 'Recovery kit': kit.path } };
}

/** Housekeeping is no job of Azure's; the change of a vault's key is. */
async function tellClients({ db, clock, job }: JobContext, vaultName: string): Promise<void> {
  const { vaultId, isUserTriggered, startedBy, startTime } = job;
  const told = { vaultId, isUserTriggered, startedBy, startTime, entityFriendlyName: vaultName };
  const end = { status: 'Completed', endTime: clock.now() } as const;
  await recordEndedJob(db.queries, { ...told, operation: 'UpdateCustomerManagedKey' }, end);
}

const ROTATIONS: Readonly<Record<KeyRotation, (context: JobContext, vault: OpenVault) => Promise<JobOutcome>>> = {
  changeKey: changeVaultKey,
  newGeneration: async ({ stores, job }, { store }) => {
    const made = await stores.keys.open(job.vaultId, (kek) => newGeneration(store.backend, kek));
    return { status: 'Completed', propertyBag: bagOf(made) };
  },
  forgetOld: forgetOldVaultKeys,
};

const bagOf = ({ keysNumber, generation }: { readonly keysNumber: number; readonly generation: number }) => ({
  'Keys object': `keys/${keysNumber}`,
  'Key generation': String(generation),
});

async function changeVaultKey({ stores, job, signal }: JobContext, { store }: OpenVault): Promise<JobOutcome> {
  const { keys } = stores;
  // finishes a change that died after its object was put
  await keys.open(job.vaultId, (kek) => openStore(store.backend, kek));
  const from = await keys.read(job.vaultId, signal);
  const to = await readKek(await keys.begin(job.vaultId), signal);
  const made = await changeKey(store.backend, from, to);
  await keys.finish(job.vaultId);
  return { status: 'Completed', propertyBag: bagOf(made) };
}

/** Of the secondary as well, once the newest keys have got there. */
async function forgetOldVaultKeys({ stores, job }: JobContext, vault: OpenVault): Promise<JobOutcome> {
  const { store, reaper, secondary } = vault;
  return stores.keys.open(job.vaultId, async (kek) => {
    const { kept, forgotten, locked } = await forgetOldKeys(store.backend, reaper, kek);
    const isCopied = secondary ? (await secondary.head(`keys/${kept}`)) !== undefined : true;
    const left = [...locked.map((number) => `keys/${number} is locked`)];
    if (!isCopied) left.push('the secondary has not got the newest keys yet');
    else if (secondary) {
      const there = await forgetOldKeys(secondary, secondary, kek);
      left.push(...there.locked.map((number) => `keys/${number} is locked in the secondary`));
    }
    if (left.length === 0) await stores.keys.forgetOld(job.vaultId);
    return {
      status: left.length === 0 ? 'Completed' : 'CompletedWithWarnings',
      propertyBag: {
        'Keys object': `keys/${kept}`,
        Forgotten: forgotten.map((number) => `keys/${number}`).join(', ') || 'none',
        ...(left.length > 0 && { Left: left.join('; ') }),
      },
    };
  });
}
