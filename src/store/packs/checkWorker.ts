import { serveThread } from '../../lib/serveThread.ts';
import { openBackend } from '../openBackend.ts';
import type { CheckReply, CheckRequest } from '../storeChecks.ts';
import { LeafCheck } from './leafCheck.ts';
import { ObjectCheck } from './objectCheck.ts';

let checks: { readonly leaf: LeafCheck; readonly object: ObjectCheck } | undefined;

/** Frees whole packs at once: the garbage collector, which sees few objects here, would let several of them pile up. */
const free = ({ buffer, byteLength }: Uint8Array): void => {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
};

serveThread<CheckRequest, CheckReply>(async (request) => {
  if (request.kind === 'open') {
    const store = { backend: openBackend(request.backend), workerKeys: request.keys };
    checks = { leaf: new LeafCheck(store), object: new ObjectCheck(store, free) };
    return {};
  }
  if (!checks) throw new Error(`'${request.kind}' before 'open'`);
  if (request.kind === 'leaf') return { leaf: await checks.leaf.run(request.task) };
  return { object: await checks.object.run(request.name) };
});
