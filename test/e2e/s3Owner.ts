import * as S3 from '@aws-sdk/client-s3';
import type { CephNode, S3User } from '../servers/ceph.ts';

/** What the owner of buckets, or an enemy with his keys, does without a store's rules. */
export interface S3Owner {
  makeBucket(bucket: string, options: { readonly versions?: boolean; readonly lock?: boolean }): Promise<void>;
  setPolicy(bucket: string, policy: string): Promise<void>;
  put(bucket: string, key: string, bytes: Uint8Array): Promise<void>;
  /** Leaves a delete marker where the bucket keeps versions. */
  delete(bucket: string, key: string): Promise<void>;
  /** Ids of the versions that have bytes, newest first. */
  versions(bucket: string, key: string): Promise<readonly string[]>;
  deleteVersion(bucket: string, key: string, versionId: string, bypass: boolean): Promise<void>;
  retain(bucket: string, key: string, versionId: string, until: number, bypass: boolean): Promise<void>;
  /** Of the newest version. */
  lockMode(bucket: string, key: string): Promise<string | undefined>;
}

export const ownerOf = (node: CephNode, { accessKeyId, secretAccessKey }: S3User = node): S3Owner => {
  const client = new S3.S3Client({
    endpoint: node.endpoint,
    region: node.region,
    credentials: { accessKeyId, secretAccessKey },
    forcePathStyle: true,
    requestChecksumCalculation: 'WHEN_REQUIRED',
  });
  return {
    async makeBucket(Bucket, { versions, lock }) {
      await client.send(new S3.CreateBucketCommand({ Bucket, ...(lock && { ObjectLockEnabledForBucket: true }) }));
      if (!versions) return;
      const VersioningConfiguration = { Status: 'Enabled' } as const;
      await client.send(new S3.PutBucketVersioningCommand({ Bucket, VersioningConfiguration }));
    },
    async setPolicy(Bucket, Policy) {
      await client.send(new S3.PutBucketPolicyCommand({ Bucket, Policy }));
    },
    async put(Bucket, Key, Body) {
      await client.send(new S3.PutObjectCommand({ Bucket, Key, Body }));
    },
    async delete(Bucket, Key) {
      await client.send(new S3.DeleteObjectCommand({ Bucket, Key }));
    },
    async versions(Bucket, Prefix) {
      const { Versions = [] } = await client.send(new S3.ListObjectVersionsCommand({ Bucket, Prefix }));
      return Versions.map(({ VersionId }) => VersionId ?? '');
    },
    async deleteVersion(Bucket, Key, VersionId, BypassGovernanceRetention) {
      await client.send(new S3.DeleteObjectCommand({ Bucket, Key, VersionId, BypassGovernanceRetention }));
    },
    async retain(Bucket, Key, VersionId, until, BypassGovernanceRetention) {
      const Retention = { Mode: 'GOVERNANCE', RetainUntilDate: new Date(until) } as const;
      const input = { Bucket, Key, VersionId, Retention, BypassGovernanceRetention };
      await client.send(new S3.PutObjectRetentionCommand(input));
    },
    async lockMode(Bucket, Key) {
      return (await client.send(new S3.GetObjectRetentionCommand({ Bucket, Key }))).Retention?.Mode;
    },
  };
};
