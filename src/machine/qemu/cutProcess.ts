import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { CodedError } from '../../lib/error.ts';
import type { CutPlan, CutResult } from './cutPlan.ts';

const PROGRAM = join(import.meta.dirname, 'cutMain.ts');

/**
 * Has the cut done by a process that outlives this one, so that the guest is thawed and runs again even when this
 * one is killed or stands still in between. Our own connections to the machine must be closed.
 * Errors: SnapshotFailed when the process itself died; then nothing is known of the guest.
 */
export const cutInOwnProcess = (plan: CutPlan, signal?: AbortSignal): Promise<CutResult> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [PROGRAM], { detached: true, stdio: ['pipe', 'pipe', 'pipe'], env: {} });
    let answer = '';
    let words = '';
    const giveUp = () => child.stdin.end();
    signal?.addEventListener('abort', giveUp, { once: true });
    child.stdin.on('error', () => {});
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      answer += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      words = (words + text).slice(-500);
    });
    child.once('error', (cause) => reject(died(String(cause), cause)));
    child.once('close', (code, killedBy) => {
      signal?.removeEventListener('abort', giveUp);
      if (code === 0) resolve(JSON.parse(answer) as CutResult);
      else reject(died(killedBy ?? words));
    });
    child.stdin.write(`${JSON.stringify(plan)}\n`);
    if (signal?.aborted) giveUp();
  });

const died = (why: string, cause?: unknown): CodedError =>
  new CodedError('SnapshotFailed', `the process that cuts snapshots died: ${why}`, { target: 'cut', cause });
