import { rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';

/** A socket that passes everything on to another, and lets a test stand in the way of a command. */
export interface TappedSocket extends Disposable {
  readonly path: string;
  /** Before the next such request is passed on, `act` is run and awaited; several of one command hit one after the other. */
  before(command: string, act: () => Promise<void> | void): void;
  /** Taps that were set and not hit. */
  readonly unhit: number;
}

export const tapSocket = (path: string, upstreamPath: string): Promise<TappedSocket> => {
  let taps: { command: string; act: () => Promise<void> | void }[] = [];
  const server = createServer((client) => {
    const upstream = connect(upstreamPath);
    let passing: Promise<void> = Promise.resolve();
    const pass = async (bytes: Uint8Array) => {
      const text = Buffer.from(bytes).toString('latin1');
      const tap = taps.find(({ command }) => text.includes(`"${command}"`));
      taps = taps.filter((other) => other !== tap);
      await tap?.act();
      upstream.write(bytes);
    };
    client.on('data', (bytes) => {
      passing = passing.then(() => pass(bytes as Uint8Array));
    });
    client.on('close', () => void passing.then(() => upstream.end()));
    upstream.on('data', (bytes) => client.write(bytes));
    upstream.on('close', () => client.destroy());
    for (const socket of [client, upstream]) socket.on('error', () => socket.destroy());
  });
  return new Promise((resolve) => {
    server.listen(path, () =>
      resolve({
        path,
        before: (command, act) => {
          taps.push({ command, act });
        },
        get unhit() {
          return taps.length;
        },
        [Symbol.dispose]() {
          server.close();
          rmSync(path, { force: true });
        },
      }),
    );
  });
};
