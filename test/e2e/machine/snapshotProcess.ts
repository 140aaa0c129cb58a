import { connect } from 'node:net';
import { systemClock } from '../../../src/lib/clock.ts';
import { openQemuHost } from '../../../src/machine/qemuHost.ts';
import { REF } from './guestFixture.ts';

/**
 * A server reduced to one act, to be killed in the middle of it: the host's options as JSON, then `snapshot` or `read`,
 * then the snapshot's id. `read` opens the OS disk, prints its socket and waits for the end.
 */
const [options, act, id] = process.argv.slice(2);
const host = await openQemuHost({ ...JSON.parse(options!), clock: systemClock });
if (act === 'snapshot') await host.snapshot(REF, { id: id! });
else {
  const { address } = await host.openDisk(REF, id!, -1);
  // One more reader, that has not greeted yet when the end comes.
  if (address.kind === 'nbd') await new Promise((resolve) => connect(address.socketPath).once('data', resolve));
  process.stdout.write(address.kind === 'nbd' ? address.socketPath : address.path);
  process.stdin.resume();
}
