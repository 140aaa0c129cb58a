import { Agent, get } from 'node:https';
import { setTimeout as delay } from 'node:timers/promises';

export interface Answered {
  readonly kind: string;
  /** From the moment it was due, whether or not it could be sent by then. */
  readonly ms: number;
  readonly bytes: number;
}

const CONNECTIONS = 32;

/** As many clients as keep a pool of connections open. */
export class LoadClients implements Disposable {
  readonly #agent: Agent;
  readonly #base: string;
  readonly #token: string;

  constructor(ca: string, { base, token }: { readonly base: string; readonly token: string }) {
    this.#agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS, ca });
    this.#base = base;
    this.#token = token;
  }

  /** At a fixed rate, whatever the answers take. Throws when one is not 200. */
  async ask(
    kinds: ReadonlyMap<string, (n: number) => string>,
    perSecond: number,
    seconds: number,
  ): Promise<readonly Answered[]> {
    const all = [...kinds];
    const answered: Answered[] = [];
    const began = performance.now();
    const signal = AbortSignal.timeout((seconds + 60) * 1000);
    const running: Promise<void>[] = [];
    for (let n = 0; n < seconds * perSecond; n++) {
      const due = began + (n * 1000) / perSecond;
      const early = due - performance.now();
      if (early > 1) await delay(early);
      const [kind, pathOf] = all[n % all.length]!;
      const path = pathOf(Math.floor(n / all.length));
      const url = `${this.#base}${path}${path.includes('?') ? '&' : '?'}api-version=2023-02-01`;
      running.push(
        this.#get(url, signal).then(({ status, body }) => {
          if (status !== 200) throw new Error(`${url} was answered with ${status}: ${body.toString().slice(0, 300)}`);
          answered.push({ kind, ms: performance.now() - due, bytes: body.length });
        }),
      );
    }
    await Promise.all(running);
    return answered;
  }

  #get(url: string, signal: AbortSignal): Promise<{ readonly status: number; readonly body: Buffer }> {
    return new Promise((resolve, reject) => {
      const headers = { authorization: `Bearer ${this.#token}` };
      const sent = get(url, { agent: this.#agent, headers, signal }, (answer) => {
        answer.on('error', reject);
        const parts: Buffer[] = [];
        answer.on('data', (part: Buffer) => parts.push(part));
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(parts) }));
      });
      sent.on('error', reject);
    });
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}
