import { serveThread } from '../../lib/serveThread.ts';
import { openBackend } from '../../store/openBackend.ts';
import type { BadRead } from '../../store/secondOpinion.ts';
import type { RestoreReply, RestoreRequest } from '../restoreDisk.ts';
import { RestoreSession } from './restoreSession.ts';

let session: RestoreSession | undefined;

serveThread<RestoreRequest, RestoreReply, BadRead>(async (request, emit) => {
  if (request.kind === 'open') {
    session = new RestoreSession(request.setup, openBackend(request.backend), emit);
    return { writtenBytes: 0 };
  }
  if (!session) throw new Error(`'${request.kind}' before 'open'`);
  return { writtenBytes: await session.restoreLeaf(request.index) };
});
