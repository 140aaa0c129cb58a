import { randomUUID } from 'node:crypto';
import type { Alert, AlertKind } from '../vault/alert.ts';
import { ALERT_SEVERITY } from '../vault/alert.ts';
import type { Queries } from './schema.ts';

export interface NewAlert {
  readonly kind: AlertKind;
  readonly vaultId: string;
  readonly itemId?: string;
  /** What it is about, for people: a machine's, a policy's or the vault's name. */
  readonly about: string;
  readonly jobId?: string;
  readonly errorCode?: string;
  readonly description: string;
  /** ms since epoch. */
  readonly at: number;
}

/** Raises an alert, in the transaction of what it tells; whoever delivers notifications finds it by its time. */
export const raiseAlert = async (db: Queries, { at, ...given }: NewAlert): Promise<Alert> => {
  const alert: Alert = {
    ...given,
    id: randomUUID(),
    severity: ALERT_SEVERITY[given.kind],
    state: 'New',
    condition: 'Fired',
    firedAt: at,
    updatedAt: at,
  };
  const row = {
    ...{ id: alert.id, vault_id: alert.vaultId, item_id: alert.itemId ?? null, kind: alert.kind },
    ...{ severity: alert.severity, state: alert.state, fired_at: at, resolved_at: null, body: JSON.stringify(alert) },
  };
  await db.insertInto('alerts').values(row).execute();
  return alert;
};
