import { serveThread } from '../../lib/serveThread.ts';
import { openBackend } from '../../store/openBackend.ts';
import type { RestoreReply, RestoreRequest } from '../restoreDisk.ts';
import { RestoreSession } from './restoreSession.ts';

let session: RestoreSession | undefined;

serveThread<RestoreRequest, RestoreReply>(async (request) => {
  if (request.kind === 'open') {
    session = new RestoreSession(request.setup, openBackend(request.backend));
    return { writtenBytes: 0 };
  }
  if (!session) throw new Error(`'${request.kind}' before 'open'`);
  return { writtenBytes: await session.restoreLeaf(request.index) };
});
