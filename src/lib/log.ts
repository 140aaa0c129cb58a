import { type Logger, pino } from 'pino';

export type { Logger };

/** JSON lines on stderr: stdout belongs to what the user asked for. `level` is pino's: trace … fatal, silent. */
export const createLogger = (level = 'info'): Logger =>
  pino({ level, base: null }, pino.destination({ fd: 2, sync: true }));

export const silentLogger: Logger = pino({ level: 'silent' });
