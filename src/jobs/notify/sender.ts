import type { Notification } from '../../db/notifications.ts';

/** How one delivery went. */
export type Delivery =
  | { readonly outcome: 'sent' }
  /** `isFinal`: trying again would change nothing. */
  | { readonly outcome: 'failed'; readonly why: string; readonly isFinal: boolean };

export interface Sender {
  /** Never throws but the signal's reason. */
  send(message: Notification, signal: AbortSignal): Promise<Delivery>;
}

export const sent: Delivery = { outcome: 'sent' };

export const failed = (why: string, isFinal: boolean): Delivery => ({ outcome: 'failed', why, isFinal });
