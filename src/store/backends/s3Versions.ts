import type { DeleteMarkerEntry, ObjectVersion as S3Version } from '@aws-sdk/client-s3';
import type { ObjectVersion } from './objectService.ts';

/** One page, by key: versions as they came, each key's markers before them. */
export function* inOrder(
  versions: readonly S3Version[],
  markers: readonly DeleteMarkerEntry[],
): Iterable<ObjectVersion> {
  let at = 0;
  for (const { Key: name = '', VersionId: versionId = 'null', Size: sizeBytes = 0 } of versions) {
    for (; at < markers.length && compareKeys(markers[at]!.Key, name) <= 0; at++) yield markerOf(markers[at]!);
    yield { name, versionId, sizeBytes, isMarker: false };
  }
  yield* markers.slice(at).map(markerOf);
}

const markerOf = ({ Key: name = '', VersionId: versionId = 'null' }: DeleteMarkerEntry): ObjectVersion => ({
  ...{ name, versionId },
  sizeBytes: 0,
  isMarker: true,
});

/** As services order them: by the bytes of UTF-8. */
const compareKeys = (one = '', other = ''): number => Buffer.compare(Buffer.from(one), Buffer.from(other));
