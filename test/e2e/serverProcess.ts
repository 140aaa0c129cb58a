import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type ArmClient, createArmClient } from '../../src/cli/client.ts';
import { readClientConfig } from '../../src/cli/config.ts';
import { createHttp } from '../../src/cli/http.ts';
import { createTokenSource } from '../../src/cli/token.ts';
import { silentTrace } from '../../src/cli/trace.ts';
import { systemClock } from '../../src/lib/clock.ts';

/** A server in a process of its own, so that it can be killed. */
export class ServerProcess {
  readonly #child: ChildProcess;
  readonly arm: ArmClient;

  private constructor(child: ChildProcess, arm: ArmClient) {
    this.#child = child;
    this.arm = arm;
  }

  static async start(data: string, port: number): Promise<ServerProcess> {
    const env = {
      ...{ ...process.env, STRONGROOM_DATA: data, STRONGROOM_PORT: String(port), STRONGROOM_LOG: 'error' },
      STRONGROOM_LIMITS: 'onDemandBackupsInDay=1000,restoresInDay=1000', // more happens here in a minute than in a day
    };
    const child = spawn(process.execPath, ['src/main.ts', 'start', '--no-sample'], {
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const failed = once(child, 'exit').then(([code]) => {
      throw new Error(`the server ended with ${code} before it listened`);
    });
    const lines = createInterface({ input: child.stdout! });
    const listening = new Promise<void>((resolve) => {
      lines.on('line', (line) => line.includes('Ctrl-C stops') && resolve());
    });
    await Promise.race([listening, failed]);
    failed.catch(() => {});
    return new ServerProcess(child, await client(data));
  }

  /** SIGKILL: nothing of the process's own clean-up runs. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill(signal);
    await exited;
  }
}

async function client(data: string): Promise<ArmClient> {
  const stream = { write: () => {} };
  const terminal = { stdout: stream, stderr: stream, env: {}, cwd: data };
  const config = await readClientConfig(join(data, 'client.json'), terminal);
  const http = createHttp(config.ca);
  const tokens = createTokenSource(config, http, systemClock, silentTrace);
  const signal = AbortSignal.timeout(20 * 60_000);
  return createArmClient({ config, http, tokens, clock: systemClock, trace: silentTrace, signal });
}
