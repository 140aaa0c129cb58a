import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import * as S3 from '@aws-sdk/client-s3';
import { systemClock } from '../../src/lib/clock.ts';
import type { Backend } from '../../src/store/backend.ts';
import { openBackend } from '../../src/store/openBackend.ts';
import {
  actsOnBackend,
  assertPromised,
  type DestructiveAct,
  type PromisedPoints,
  performActs,
  promisePoints,
  tableOf,
  victimsOf,
} from '../../src/store/testing/destructiveActs.ts';
import { type CephNode, type S3User, startCeph, whyNoCeph } from '../servers/ceph.ts';
import { readPolicy } from './bucketPolicy.ts';
import { ownerOf } from './s3Owner.ts';

const Bucket = 'drill';
const PREFIX = 'stores/v1/';
/** docs/immutability.md, "S3 and Azure Blob". */
const CENTURY = 'lock an object for a century';
const DAY_MS = 86_400_000;

describe('whoever has the rights of a worker destroys nothing, S3', { skip: (await whyNoCeph()) ?? false }, () => {
  let ceph: CephNode;
  let thief: S3.S3Client;
  let users: Readonly<Record<'worker' | 'reaper', S3User>>;
  let points: PromisedPoints;
  /** Of the largest pack, as it was put. */
  let packVersion: string;

  before(async () => {
    ceph = await startCeph();
    users = { worker: await ceph.createUser('worker'), reaper: await ceph.createUser('reaper') };
    const owner = ownerOf(ceph);
    await owner.makeBucket(Bucket, { lock: true });
    await owner.setPolicy(Bucket, await readPolicy(Bucket, users.worker, users.reaper));
    thief = new S3.S3Client({
      endpoint: ceph.endpoint,
      region: ceph.region,
      credentials: users.worker,
      forcePathStyle: true,
      maxAttempts: 1,
      requestChecksumCalculation: 'WHEN_REQUIRED',
    });
    points = await promisePoints(storeAs('worker'), systemClock.now());
    packVersion = (await owner.versions(Bucket, `${PREFIX}${victimsOf(points).dataPack}`))[0]!;
  });
  after(async () => {
    thief?.destroy();
    await ceph?.stop();
  });

  const storeAs = (user: 'worker' | 'reaper'): Backend =>
    openBackend({
      kind: 's3',
      endpoint: ceph.endpoint,
      region: ceph.region,
      bucket: Bucket,
      prefix: PREFIX,
      credentials: users[user],
      lock: { mode: 'governance', landingDays: 7 },
    });

  it('30 acts and more, each refused or harmless', async (t) => {
    const now = systemClock.now();
    const common = actsOnBackend(storeAs('worker'), points, now).filter(({ name }) => name !== CENTURY);
    const acts = [...common, ...actsOnObjects(now), ...actsOnBucket()];
    // a backend of its own each time: nothing that was read before the act is believed after it
    const records = await performActs(acts, () => assertPromised(storeAs('worker'), points));
    t.diagnostic(`\n${tableOf(records)}`);
    assert.ok(records.length >= 30);
    assert.deepEqual(
      records.filter(({ outcome }) => outcome === 'HARMFUL'),
      [],
    );
    const mustBeRefused = /^(delete|bucket)/;
    assert.deepEqual(
      records.filter(({ name, outcome }) => mustBeRefused.test(name) && outcome !== 'refused'),
      [],
    );
  });

  it('a lock beyond 2106 is lost in this server: still nothing is deleted, and the next run locks anew', async () => {
    const { dataPack } = victimsOf(points);
    const store = storeAs('worker');
    const century = actsOnBackend(store, points, systemClock.now()).find(({ name }) => name === CENTURY);
    await century!.run();
    assert.ok(
      (await store.lock!.retainedUntil(dataPack))! < systemClock.now(),
      'the server counts right by now: drop this',
    );
    await assert.rejects(store.delete(dataPack));
    await store.lock!.extend(dataPack, points.lockedUntil);
    await assertPromised(storeAs('worker'), points);
  });

  const sent = (name: string, command: () => Promise<unknown>): DestructiveAct => ({ name, run: command });

  function actsOnObjects(now: number): readonly DestructiveAct[] {
    const { dataPack, commit } = victimsOf(points);
    const [Key, commitKey] = [`${PREFIX}${dataPack}`, `${PREFIX}${commit}`];
    const VersionId = packVersion;
    const retention = (RetainUntilDate: Date, Mode: 'GOVERNANCE' | 'COMPLIANCE' = 'GOVERNANCE') => ({
      RetainUntilDate,
      Mode,
    });
    const retain = async (until: number, bypass: boolean) => {
      const input = {
        Bucket,
        Key,
        VersionId,
        Retention: retention(new Date(until)),
        BypassGovernanceRetention: bypass,
      };
      return thief.send(new S3.PutObjectRetentionCommand(input)).then(() => 'let through');
    };
    return [
      sent('delete: put a delete marker over a pack', () => thief.send(new S3.DeleteObjectCommand({ Bucket, Key }))),
      sent('delete: a version of a pack', async () =>
        thief.send(new S3.DeleteObjectCommand({ Bucket, Key, VersionId })),
      ),
      sent('delete: a version, governance bypassed', async () =>
        thief.send(new S3.DeleteObjectCommand({ Bucket, Key, VersionId, BypassGovernanceRetention: true })),
      ),
      sent('delete: many at once', async () => {
        const Objects = [{ Key, VersionId }, { Key: commitKey }];
        const { Errors } = await thief.send(new S3.DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
        if (Errors?.length === Objects.length) throw new Error(Errors.map(({ Code }) => Code).join(', '));
      }),
      sent('put other bytes over a pack, without a condition', () =>
        thief.send(new S3.PutObjectCommand({ Bucket, Key, Body: 'junk' })).then(() => 'a newer version'),
      ),
      sent('put nothing over a commit object, without a condition', () =>
        thief.send(new S3.PutObjectCommand({ Bucket, Key: commitKey, Body: '' })).then(() => 'a newer version'),
      ),
      sent('put the format object anew, without a condition', () =>
        thief.send(new S3.PutObjectCommand({ Bucket, Key: `${PREFIX}fmt`, Body: '{}' })).then(() => 'a newer version'),
      ),
      sent('copy another object over a commit object', () =>
        thief
          .send(new S3.CopyObjectCommand({ Bucket, Key: commitKey, CopySource: `${Bucket}/${PREFIX}fmt` }))
          .then(() => 'a newer version'),
      ),
      sent('upload over a pack in parts', async () => {
        const { UploadId } = await thief.send(new S3.CreateMultipartUploadCommand({ Bucket, Key }));
        const part = await thief.send(new S3.UploadPartCommand({ Bucket, Key, UploadId, PartNumber: 1, Body: 'junk' }));
        const MultipartUpload = { Parts: [{ PartNumber: 1, ETag: part.ETag }] };
        await thief.send(new S3.CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload }));
        return 'a newer version';
      }),
      sent('encrypt a pack with a key of his own', () => {
        const key = Buffer.alloc(32, 7);
        const SSECustomerKey = key.toString('base64');
        return thief.send(
          new S3.PutObjectCommand({ Bucket, Key, Body: 'junk', SSECustomerAlgorithm: 'AES256', SSECustomerKey }),
        );
      }),
      sent('shorten a retention', () => retain(now + DAY_MS, false)),
      sent('shorten a retention, governance bypassed', () => retain(now + 60_000, true)),
      sent('take a legal hold off', async () =>
        thief.send(new S3.PutObjectLegalHoldCommand({ Bucket, Key, LegalHold: { Status: 'OFF' } })),
      ),
      sent('open an object to everybody', () =>
        thief.send(new S3.PutObjectAclCommand({ Bucket, Key, ACL: 'public-read-write' })),
      ),
      sent('delete: with the rights of the reaper', () => storeAs('reaper').delete(dataPack)),
      sent('delete: a commit object with the rights of the reaper', () => storeAs('reaper').delete(commit)),
    ];
  }

  function actsOnBucket(): readonly DestructiveAct[] {
    const rule = { ID: 'gone', Status: 'Enabled', Filter: { Prefix: '' }, Expiration: { Days: 1 } } as const;
    const open = { Effect: 'Allow', Principal: '*', Action: 's3:*', Resource: `arn:aws:s3:::${Bucket}/*` };
    const Policy = JSON.stringify({ Version: '2012-10-17', Statement: [open] });
    const noRetention = {
      ObjectLockEnabled: 'Enabled',
      Rule: { DefaultRetention: { Mode: 'GOVERNANCE', Days: 1 } },
    } as const;
    return [
      sent('bucket: let objects expire after a day', () =>
        thief.send(
          new S3.PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: { Rules: [rule] } }),
        ),
      ),
      sent('bucket: suspend versioning', () =>
        thief.send(new S3.PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Suspended' } })),
      ),
      sent('bucket: change the lock configuration', () =>
        thief.send(new S3.PutObjectLockConfigurationCommand({ Bucket, ObjectLockConfiguration: noRetention })),
      ),
      sent('bucket: put a policy that allows everything', () =>
        thief.send(new S3.PutBucketPolicyCommand({ Bucket, Policy })),
      ),
      sent('bucket: delete the policy', () => thief.send(new S3.DeleteBucketPolicyCommand({ Bucket }))),
      sent('bucket: open it to everybody', () =>
        thief.send(new S3.PutBucketAclCommand({ Bucket, ACL: 'public-read-write' })),
      ),
      sent('bucket: delete it', () => thief.send(new S3.DeleteBucketCommand({ Bucket }))),
    ];
  }
});
