import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** How a program in the guest ends; 'never': it does not. */
export type ProgramEnd = { readonly output?: string; readonly exitCode?: number } | 'never';

interface Request {
  readonly execute: string;
  readonly arguments?: Readonly<Record<string, unknown>>;
}

/** A guest agent on a socket of its own: `run` plays the programs, `refused` are commands it blocks. */
export class FakeAgent implements AsyncDisposable {
  readonly path: string;
  /** Arguments of each program that was started. */
  readonly started: (readonly string[])[] = [];
  readonly refused = new Set<string>();
  readonly silentOn = new Set<string>();
  mounts: readonly string[] = ['/', '/srv'];
  run: (args: readonly string[], input: string | undefined) => ProgramEnd;
  readonly #folder: string;
  readonly #server: Server;
  readonly #ends: ProgramEnd[] = [];

  private constructor(folder: string, run: FakeAgent['run']) {
    this.#folder = folder;
    this.path = join(folder, 'agent');
    this.run = run;
    this.#server = createServer((socket) => {
      socket.on('error', () => {});
      let text = '';
      socket.on('data', (bytes) => {
        text += bytes.toString('latin1');
        for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
          const reply = this.#answer(JSON.parse(text.slice(0, end).replace('\xff', '')) as Request);
          text = text.slice(end + 1);
          if (reply !== undefined) socket.write(reply);
        }
      });
    });
  }

  static async open(run: FakeAgent['run'] = () => ({})): Promise<FakeAgent> {
    const agent = new FakeAgent(await mkdtemp(join(tmpdir(), 'sr-agent-')), run);
    await new Promise<void>((resolve) => agent.#server.listen(agent.path, resolve));
    return agent;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    await rm(this.#folder, { recursive: true, force: true });
  }

  #answer({ execute, arguments: args = {} }: Request): string | Uint8Array | undefined {
    if (this.silentOn.has(execute)) return undefined;
    if (execute === 'guest-sync-delimited') return Buffer.from(`\xff{"return":${args.id}}\n`, 'latin1');
    if (this.refused.has(execute)) return `{"error":{"desc":"Command ${execute} has been disabled"}}\n`;
    return `${JSON.stringify({ return: this.#value(execute, args) })}\n`;
  }

  #value(execute: string, args: Readonly<Record<string, unknown>>): unknown {
    if (execute === 'guest-get-fsinfo') return this.mounts.map((mountpoint) => ({ mountpoint }));
    if (execute === 'guest-exec-status') {
      const end = this.#ends[Number(args.pid)]!;
      if (end === 'never') return { exited: false };
      const output = Buffer.from(end.output ?? '').toString('base64');
      return { exited: true, exitcode: end.exitCode ?? 0, 'out-data': output };
    }
    const input = args['input-data'] === undefined ? undefined : Buffer.from(String(args['input-data']), 'base64');
    const list = args.arg as readonly string[];
    this.started.push(list);
    this.#ends.push(this.run(list, input?.toString()));
    return { pid: this.#ends.length - 1 };
  }
}
