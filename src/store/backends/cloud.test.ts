import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isCoded } from '../../lib/error.ts';
import { TurnedClock } from '../../lib/turnedClock.ts';
import type { LockSpec } from '../backend.ts';
import { VersionedService } from '../testing/versionedService.ts';
import { backendContract, listed } from './backend.contract.ts';
import { CloudBackend } from './cloud.ts';
import { lockContract } from './lock.contract.ts';

const DAY_MS = 86_400_000;
const GOVERNANCE: LockSpec = { mode: 'governance', landingDays: 7 };
const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

const opened = (lock?: LockSpec) => {
  const clock = new TurnedClock();
  const service = new VersionedService(() => clock.now());
  return { clock, service, backend: new CloudBackend(service, { clock, lock }) };
};

backendContract('versions in memory', async () => opened().backend);

const contractClock = new TurnedClock();
lockContract(
  'versions in memory',
  async () =>
    new CloudBackend(new VersionedService(() => contractClock.now()), { clock: contractClock, lock: GOVERNANCE }),
  () => contractClock.now(),
);

describe('objects on a service that keeps versions', () => {
  it('are what was put first, whatever is put over them or hides them', async () => {
    const { service, backend } = opened();
    await backend.put('p/ab/one', bytesOf('first'));
    await service.put('p/ab/one', bytesOf('second and longer'), undefined);
    service.hide('p/ab/one');
    await service.put('p/ab/on', bytesOf('another name'), undefined);
    service.hide('p/ab/never');
    assert.equal(textOf(await backend.get('p/ab/one')), 'first');
    assert.deepEqual(await backend.head('p/ab/one'), { sizeBytes: 5 });
    assert.deepEqual(await backend.head('p/ab/on'), { sizeBytes: 12 });
    assert.deepEqual(await listed(backend, 'p/'), [
      { name: 'p/ab/on', sizeBytes: 12 },
      { name: 'p/ab/one', sizeBytes: 5 },
    ]);
    assert.equal(await backend.put('p/ab/one', bytesOf('third')), 'exists');
    assert.equal(await backend.head('p/ab/never'), undefined);
  });

  it('are read with one request more, once, and with none by who put them', async () => {
    const { service, backend } = opened();
    await backend.put('fmt', bytesOf('one'));
    service.calls.length = 0;
    const reader = new CloudBackend(service, {});
    for (let read = 0; read < 3; read++) await reader.get('fmt');
    await backend.get('fmt');
    assert.deepEqual(service.calls, ['versions fmt', 'get fmt', 'get fmt', 'get fmt', 'get fmt']);
  });

  it('are found again when another process deleted them and put them anew', async () => {
    const { service, backend } = opened();
    await backend.put('fmt', bytesOf('one'));
    assert.equal(textOf(await backend.get('fmt')), 'one');
    const other = new CloudBackend(service, {});
    await other.delete('fmt');
    await assert.rejects(backend.get('fmt'), (error) => isCoded(error, 'StoreObjectMissing'));
    await other.put('fmt', bytesOf('two'));
    assert.equal(textOf(await backend.get('fmt')), 'two');
    await other.delete('fmt');
    assert.equal(await backend.put('fmt', bytesOf('three')), 'created');
  });

  it('are deleted with all versions and marks, the first one last', async () => {
    const { service, backend } = opened();
    await backend.put('fmt', bytesOf('one'));
    await service.put('fmt', bytesOf('two'), undefined);
    service.hide('fmt');
    service.calls.length = 0;
    await backend.delete('fmt');
    assert.deepEqual(service.calls, ['versions fmt', 'delete fmt v3', 'delete fmt v2', 'delete fmt v1']);
    assert.deepEqual(await listed(backend, ''), []);
  });

  it('are kept whole by the lock on any version', async () => {
    const { clock, service, backend } = opened(GOVERNANCE);
    await backend.put('fmt', bytesOf('one'));
    await assert.rejects(backend.delete('fmt'), (error) => isCoded(error, 'StoreObjectLocked'));
    const until = clock.now() + 20 * DAY_MS;
    await service.put('fmt', bytesOf('put over it'), { mode: 'governance', until });
    await clock.turn(8 * DAY_MS);
    await assert.rejects(
      backend.delete('fmt'),
      (error) => isCoded(error, 'StoreObjectLocked') && error.message.includes(new Date(until).toISOString()),
    );
    assert.equal(textOf(await backend.get('fmt')), 'one');
    await clock.turn(13 * DAY_MS);
    await backend.delete('fmt');
    assert.equal(await backend.head('fmt'), undefined);
  });

  it('are put again when less of them was stored, unless that is locked', async () => {
    for (const lock of [undefined, GOVERNANCE]) {
      const { service, backend } = opened(lock);
      const { put } = service;
      let halved = 0;
      service.put = (name, bytes, retention) => {
        service.put = put;
        halved++;
        return put.call(service, name, bytes.subarray(1), retention);
      };
      const putting = backend.put('fmt', bytesOf('whole'));
      if (lock)
        await assert.rejects(putting, (error) => isCoded(error, 'StoreLies') && /4 of 5 bytes/.test(error.message));
      else assert.equal(await putting, 'created');
      assert.equal(halved, 1);
      if (!lock) assert.equal(textOf(await backend.get('fmt')), 'whole');
    }
  });

  it('are raised to compliance by who may; others extend the time alone', async () => {
    const { clock, service, backend } = opened({ mode: 'compliance', landingDays: 7 });
    const until = clock.now() + 9 * DAY_MS;
    const { versionId } = await service.put('fmt', bytesOf('one'), { mode: 'governance', until });
    await backend.lock?.extend('fmt', until + DAY_MS);
    assert.deepEqual(await service.retention('fmt', versionId!), { mode: 'governance', until: until + DAY_MS });
    service.mayRaiseMode = true;
    await backend.lock?.extend('fmt', until);
    assert.deepEqual(await service.retention('fmt', versionId!), { mode: 'compliance', until: until + DAY_MS });
  });
});
