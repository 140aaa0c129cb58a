import { type CodedError, isCoded } from '../lib/error.ts';

/** The storage keeps the object, by a lock or because it lets this caller delete nothing: it goes another time. */
export const isRefusedDeletion = (error: unknown): error is CodedError =>
  isCoded(error, 'StoreObjectLocked') || isCoded(error, 'DaemonRefused');
