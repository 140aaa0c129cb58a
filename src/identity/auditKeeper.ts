import { open } from 'node:fs/promises';
import { type AuditHead, auditAnchor, auditHead } from '../db/audit.ts';
import { pruneAudit } from '../db/auditChain.ts';
import type { Database } from '../db/database.ts';
import { type Clock, DAY_MS, HOUR_MS, isoTime } from '../lib/clock.ts';
import type { Logger } from '../lib/log.ts';
import { Periodic } from '../lib/periodic.ts';
import { readIfThere, writePrivateFile } from './privateFile.ts';

/**
 * Notes the head of the audit chain each hour in a file outside the database, so that a chain that was cut or made
 * anew is found out, and lets events go that are older than their time.
 */
export class AuditKeeper {
  readonly #parts: { db: Database; clock: Clock; log: Logger; file: string; keepDays: number };
  readonly #loop: Periodic;

  constructor(parts: { db: Database; clock: Clock; log: Logger; file: string; keepDays: number }) {
    this.#parts = parts;
    const { clock, log } = parts;
    this.#loop = new Periodic({ clock, log, everyMs: HOUR_MS, what: 'the care of the audit log' }, async () => {
      await this.prune();
      await this.note();
    });
  }

  start(): void {
    this.#loop.start();
  }

  /** Notes the last head. */
  async stop(): Promise<void> {
    await this.#loop.stop();
    await this.note();
  }

  /** Those that were noted and are still in the chain. A line that cannot be read is left out. */
  async heads(): Promise<readonly AuditHead[]> {
    const { seq: gone } = await auditAnchor(this.#parts.db.queries);
    const text = (await readIfThere(this.#parts.file)) ?? '';
    return text.split('\n').flatMap((line) => {
      const head = headOf(line);
      return head !== undefined && head.seq > gone ? [head] : [];
    });
  }

  async note(): Promise<void> {
    const { db, clock, file } = this.#parts;
    const head = await auditHead(db.queries);
    if (head.seq === 0 || (await this.heads()).some(({ seq }) => seq === head.seq)) return;
    await using handle = await open(file, 'a', 0o600);
    await handle.appendFile(`${JSON.stringify({ at: isoTime(clock.now()), ...head })}\n`);
    await handle.sync();
  }

  async prune(): Promise<void> {
    const { db, clock, file, keepDays } = this.#parts;
    const gone = await pruneAudit(db.queries, clock.now() - keepDays * DAY_MS, clock.now());
    if (gone === 0) return;
    const kept = (await this.heads()).map((head) => `${JSON.stringify(head)}\n`);
    await writePrivateFile(file, kept.join(''));
  }
}

function headOf(line: string): AuditHead | undefined {
  try {
    const { seq, hash } = JSON.parse(line) as Partial<AuditHead>;
    return typeof seq === 'number' && typeof hash === 'string' ? { seq, hash } : undefined;
  } catch {
    return undefined; // a line cut short by a crash
  }
}
