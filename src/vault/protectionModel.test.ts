import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CodedError } from '../lib/error.ts';
import { defaultPolicy, enhancedPolicy } from './defaultPolicies.ts';
import type { Policy } from './policy.ts';
import type { ProtectedItem } from './protectedItem.ts';
import {
  afterBackup,
  assertCanBackUp,
  changeProtection,
  enableProtection,
  isPurgeDue,
  isRetentionPaused,
  type ProtectionChange,
  softDeleteItem,
} from './protection.ts';
import type { RecoveryPoint } from './recoveryPoint.ts';
import { decideVaulted } from './retention.ts';
import type { Vault } from './vault.ts';
import { newVault } from './vaultRules.ts';

/** Random lives of an item against a model of a few lines: which changes are allowed, and which points are there. */

const DAY_MS = 86_400_000;
const START = Date.parse('2026-01-05T08:00:00Z');
const RUNS = process.env.STRONGROOM_LONG === undefined ? 300 : 30_000;

const place = { id: 'v', subscriptionId: 's', resourceGroup: 'Quay', name: 'Harbour', location: 'north' };
const policies = (['long', 'short', 'enhanced'] as const).map((name): Policy => {
  const rules = name === 'enhanced' ? enhancedPolicy(START) : defaultPolicy(START);
  const stamps = { version: 1, createdAt: START, updatedAt: START };
  const retention = name === 'short' ? { daily: { days: 7 } } : { daily: { days: 30 } };
  return { ...rules, retention, id: name, vaultId: 'v', name, ...stamps };
});
const named = (name: string | undefined): Policy | undefined => policies.find(({ id }) => id === name);
const machine = { host: 'shed', resourceGroup: 'Quay', vmName: 'Lantern', vmId: 'b7', sourceResourceId: '/x' };

type Step =
  | { readonly do: 'protect'; readonly policy: string }
  | { readonly do: 'stop' | 'suspend' | 'delete' | 'undelete' | 'backUp' }
  | { readonly do: 'wait'; readonly days: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('protect' as const), policy: fc.constantFrom('long', 'short', 'enhanced') }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('stop' as const, 'suspend', 'delete', 'undelete') }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('backUp' as const) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('wait' as const), days: fc.integer({ min: 1, max: 20 }) }) },
);

/** What the code under test has. */
class Life {
  now = START;
  item: ProtectedItem | undefined;
  points: RecoveryPoint[] = [];
  #number = 0;
  readonly vault: Vault;

  constructor(vault: Vault) {
    this.vault = vault;
  }

  /** Whether it was allowed. */
  take(taken: Step): boolean {
    try {
      this.#do(taken);
      return true;
    } catch (error) {
      if (error instanceof CodedError) return false;
      throw error;
    }
  }

  /** As the scheduler does it: purge, else let go of what its rules no longer keep. */
  clean(): void {
    if (!this.item) return;
    if (isPurgeDue(this.item, this.now)) {
      this.item = undefined;
      this.points = [];
      return;
    }
    const isPaused = isRetentionPaused(this.item);
    const kept = decideVaulted(this.points, named(this.item.policyId), { now: this.now, isPaused });
    const ids = new Set(kept.filter(({ keep }) => keep).map(({ pointId }) => pointId));
    this.points = this.points.filter(({ id }) => ids.has(id));
  }

  #do(taken: Step): void {
    if (taken.do === 'wait') this.now += taken.days * DAY_MS;
    else if (taken.do === 'backUp') this.#backUp();
    else if (taken.do === 'delete') this.#change((item) => softDeleteItem(this.vault, item, this.now, this.#before()));
    else if (taken.do === 'protect') this.#protect(taken.policy);
    else {
      const asked = {
        stop: { protectionState: 'ProtectionStopped' },
        suspend: { protectionState: 'BackupsSuspended' },
        undelete: { protectionState: 'ProtectionStopped', isRehydrate: true },
      }[taken.do];
      this.#change((item) => changeProtection(this.vault, item, { ...asked, ...this.#before() }, this.now));
    }
  }

  #protect(name: string): void {
    const policy = named(name)!;
    if (this.item) this.#change((item) => changeProtection(this.vault, item, { policy, ...this.#before() }, this.now));
    else this.item = enableProtection(this.vault, machine, { policy }, { id: 'i', now: this.now }).item;
  }

  #change(decide: (item: ProtectedItem) => ProtectionChange): void {
    if (!this.item) throw new CodedError('ResourceNotFound', 'There is no item.');
    this.item = decide(this.item).item;
  }

  #before(): { readonly currentPolicy?: Policy } {
    const currentPolicy = named(this.item?.policyId);
    return currentPolicy ? { currentPolicy } : {};
  }

  #backUp(): void {
    if (!this.item) throw new CodedError('ResourceNotFound', 'There is no item.');
    assertCanBackUp(this.item);
    this.#number += 1;
    const id = String(this.#number);
    const day = new Date(this.now).toISOString().slice(0, 10);
    this.points.push({
      ...{ id, vaultId: 'v', itemId: 'i', jobId: 'j', takenAt: this.now, consistency: 'crash', keptBy: [] },
      occurrenceKey: `${day}/08:00`,
      vaulted: { commitName: id, cseq: this.#number, storedAt: this.now },
      ...{ disks: [], excludedDisks: [], machine: {} },
    });
    this.item = afterBackup(this.item, { status: 'Completed', time: this.now }, this.now);
    this.now += DAY_MS / 24;
  }
}

/** The reference: written down from what people are promised, not from the code. */
interface Model {
  state: 'none' | 'active' | 'stopped' | 'suspended' | 'deleted';
  /** Of the last policy it was under. */
  rules: string | undefined;
  purgeAt: number;
  points: { readonly id: string; readonly takenAt: number }[];
}

const daysOf = (rules: string | undefined): number => (rules === 'short' ? 7 : 30);

function mayBe(model: Model, { now, vault, item }: Life, taken: Step): boolean {
  const isImmutable = vault.immutability !== 'Disabled';
  switch (taken.do) {
    case 'wait':
      return true;
    case 'backUp':
      return model.state === 'active';
    case 'stop':
      return ['active', 'stopped', 'suspended'].includes(model.state);
    case 'suspend':
      return isImmutable && (model.state === 'active' || model.state === 'suspended') && item?.policyId !== undefined;
    case 'delete':
      return ['active', 'stopped', 'suspended'].includes(model.state) && !isImmutable;
    case 'undelete':
      return model.state === 'deleted' && now <= model.purgeAt;
    case 'protect': {
      if (model.state === 'none') return true;
      if (model.state === 'deleted') return false;
      const isBack = model.rules === 'enhanced' && taken.policy !== 'enhanced';
      const isShorter = daysOf(taken.policy) < daysOf(model.rules);
      return !isBack && !(isImmutable && isShorter);
    }
  }
}

function follow(model: Model, life: Life, taken: Step): void {
  if (taken.do === 'protect') Object.assign(model, { state: 'active', rules: taken.policy });
  else if (taken.do === 'stop' || taken.do === 'undelete') model.state = 'stopped';
  else if (taken.do === 'suspend') model.state = 'suspended';
  else if (taken.do === 'delete') Object.assign(model, { state: 'deleted', purgeAt: life.now + 14 * DAY_MS });
  else if (taken.do === 'backUp') {
    const last = life.points.at(-1)!;
    model.points.push({ id: last.id, takenAt: last.takenAt });
  }
}

function settle(model: Model, now: number): void {
  if (model.state === 'deleted' && now >= model.purgeAt)
    Object.assign(model, { state: 'none', rules: undefined, points: [] });
  if (model.state !== 'active' && model.state !== 'suspended') return;
  const newest = model.points.at(-1);
  model.points = model.points.filter((point) => point === newest || point.takenAt + daysOf(model.rules) * DAY_MS > now);
}

for (const immutability of ['Disabled', 'Unlocked'] as const)
  test(`random lives of an item follow the model, no point is lost: immutability ${immutability}`, () => {
    const vault = { ...newVault(place, START), immutability };
    fc.assert(
      fc.property(fc.array(step, { minLength: 5, maxLength: 40, size: 'max' }), (steps) => {
        const life = new Life(vault);
        const model: Model = { state: 'none', rules: undefined, purgeAt: 0, points: [] };
        for (const taken of steps) {
          const allowed = mayBe(model, life, taken);
          assert.equal(life.take(taken), allowed, `${taken.do} of an item that is ${model.state}`);
          if (allowed) follow(model, life, taken);
          life.clean();
          settle(model, life.now);
          assert.deepEqual(
            life.points.map(({ id }) => id),
            model.points.map(({ id }) => id),
          );
          assert.equal(life.item === undefined, model.state === 'none');
          assert.equal(life.item?.softDelete !== undefined, model.state === 'deleted');
          assert.equal(life.item?.protectionState === 'BackupsSuspended', model.state === 'suspended');
        }
      }),
      { numRuns: RUNS },
    );
  });
