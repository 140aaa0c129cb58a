import type { BackendSpec } from './backend.ts';

/** Where a store lies, one line a place, without secrets: enough to find it again. */
export const specInWords = (spec: BackendSpec): readonly string[] => {
  switch (spec.kind) {
    case 'disk':
      return [`folder ${spec.folder}`];
    case 's3':
      return [`S3 bucket ${spec.bucket} at ${spec.endpoint}, names begin with '${spec.prefix}'`];
    case 'azureBlob':
      return [`Azure Blob container ${spec.container} at ${spec.endpoint}, names begin with '${spec.prefix}'`];
    case 'daemon':
      return [`store daemon at ${spec.socket}, store ${spec.store}`];
    case 'replicated':
      return spec.copies.flatMap(specInWords);
  }
};
