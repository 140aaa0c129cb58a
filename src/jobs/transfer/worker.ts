import { serveThread } from '../../lib/serveThread.ts';
import { openBackend } from '../../store/openBackend.ts';
import type { PackRecord } from '../../store/packRecord.ts';
import type { TransferReply, TransferRequest } from './pool.ts';
import { TransferSession } from './session.ts';

let session: TransferSession | undefined;

serveThread<TransferRequest, TransferReply, PackRecord>(async (request, emit) => {
  if (request.kind === 'open') {
    session = await TransferSession.open(request.setup, openBackend(request.backend), emit);
    return {};
  }
  if (!session) throw new Error(`'${request.kind}' before 'open'`);
  if (request.kind === 'leaf') return { ref: await session.writeLeaf(request.task), added: session.takeStats() };
  if (request.kind === 'finish') {
    const gaps = await session.finish();
    return { added: session.takeStats(), dedupedPacks: session.dedupedPacks, gaps };
  }
  await session[Symbol.asyncDispose]();
  session = undefined;
  return {};
});
