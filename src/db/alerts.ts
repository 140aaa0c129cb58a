import { randomUUID } from 'node:crypto';
import type { Alert, AlertChange, AlertKind, AlertState } from '../vault/alert.ts';
import { ALERT_SEVERITY, alertTitle } from '../vault/alert.ts';
import { vaultArmId } from '../vault/armIds.ts';
import { appendAudit } from './audit.ts';
import type { Queries } from './schema.ts';
import { getVault } from './vaults.ts';

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

/** Raises an alert, in the transaction of what it tells; it waits there until it is routed to who wants to know. */
export const raiseAlert = async (db: Queries, { at, ...given }: NewAlert): Promise<Alert> => {
  const vault = await getVault(db, given.vaultId);
  const alert: Alert = {
    ...given,
    id: randomUUID(),
    target: vault ? vaultArmId(vault) : '',
    severity: ALERT_SEVERITY[given.kind],
    state: 'New',
    condition: 'Fired',
    firedAt: at,
    updatedAt: at,
  };
  await db
    .insertInto('alerts')
    .values({ id: alert.id, ...toRow(alert) })
    .execute();
  await appendChange(db, alert, { event: 'AlertCreated', to: 'Fired', at, by: 'system' }, true);
  await auditAlert(db, alert, 'activate', at);
  return alert;
};

/** The alert of this kind, item and error that still holds: the same trouble again raises no other. */
export const findOpenAlert = async (
  db: Queries,
  same: { readonly itemId: string; readonly kind: AlertKind; readonly errorCode: string | undefined },
): Promise<Alert | undefined> =>
  (await openAlerts(db, same.itemId, same.kind)).find(({ errorCode }) => errorCode === same.errorCode);

/** What the alerts told no longer holds, as after the next success. How many there were. */
export const resolveAlerts = async (
  db: Queries,
  { itemId, kind, at }: { readonly itemId: string; readonly kind: AlertKind; readonly at: number },
): Promise<number> => {
  const open = await openAlerts(db, itemId, kind);
  for (const before of open) {
    const alert: Alert = { ...before, condition: 'Resolved', resolvedAt: at, updatedAt: at };
    await writeAlert(db, alert);
    await appendChange(
      db,
      alert,
      { event: 'MonitorConditionChange', from: 'Fired', to: 'Resolved', at, by: 'system' },
      true,
    );
    await auditAlert(db, alert, 'resolve', at);
  }
  return open.length;
};

/** What people say of it. Call it in a transaction. The alert as it is then; undefined: there is none. */
export const changeAlertState = async (
  db: Queries,
  id: string,
  change: { readonly to: AlertState; readonly by: string; readonly at: number; readonly comments?: string },
): Promise<Alert | undefined> => {
  const before = await getAlert(db, id);
  if (!before || before.state === change.to) return before;
  const alert: Alert = { ...before, state: change.to, updatedAt: change.at, updatedBy: change.by };
  await writeAlert(db, alert);
  await appendChange(db, alert, { event: 'StateChange', from: before.state, ...change }, false);
  return alert;
};

export const getAlert = async (db: Queries, id: string): Promise<Alert | undefined> => {
  const row = await db.selectFrom('alerts').select('body').where('id', '=', id).executeTakeFirst();
  return row && fromRow(row);
};

/** Newest first. */
export const alertHistory = async (db: Queries, id: string): Promise<readonly AlertChange[]> => {
  const rows = await db
    .selectFrom('alert_changes')
    .select('body')
    .where('alert_id', '=', id)
    .orderBy('number', 'desc')
    .execute();
  return rows.map(({ body }) => JSON.parse(body) as AlertChange);
};

export const appendChange = async (
  db: Queries,
  { id }: Pick<Alert, 'id'>,
  change: AlertChange,
  awaitsRouting: boolean,
): Promise<void> => {
  const { last } = await db
    .selectFrom('alert_changes')
    .select((e) => e.fn.max('number').as('last'))
    .where('alert_id', '=', id)
    .executeTakeFirstOrThrow();
  await db
    .insertInto('alert_changes')
    .values({
      alert_id: id,
      number: Number(last ?? 0) + 1,
      at: change.at,
      awaits_routing: awaitsRouting ? 1 : 0,
      body: JSON.stringify(change),
    })
    .execute();
};

export const writeAlert = async (db: Queries, alert: Alert): Promise<void> => {
  await db.updateTable('alerts').set(toRow(alert)).where('id', '=', alert.id).execute();
};

const openAlerts = async (db: Queries, itemId: string, kind: AlertKind): Promise<readonly Alert[]> => {
  const rows = await db
    .selectFrom('alerts')
    .select('body')
    .where('item_id', '=', itemId)
    .where('kind', '=', kind)
    .where('resolved_at', 'is', null)
    .execute();
  return rows.map(fromRow);
};

const toRow = (alert: Alert) => ({
  ...{ vault_id: alert.vaultId, item_id: alert.itemId ?? null, target_key: alert.target.toLowerCase() },
  ...{ kind: alert.kind, severity: alert.severity, state: alert.state, fired_at: alert.firedAt },
  ...{ resolved_at: alert.resolvedAt ?? null, body: JSON.stringify(alert) },
});

const fromRow = (row: { body: string }): Alert => JSON.parse(row.body) as Alert;

const auditAlert = (db: Queries, alert: Alert, what: 'activate' | 'resolve', at: number): Promise<unknown> =>
  appendAudit(db, {
    at,
    correlationId: alert.jobId ?? alert.id,
    caller: 'system',
    callerName: 'Strongroom',
    action: `Microsoft.AlertsManagement/alerts/${what}/action`,
    resourceId: alert.target,
    category: 'Alert',
    level: what === 'resolve' ? 'Informational' : alert.severity === 'Sev0' ? 'Critical' : 'Error',
    status: 'Succeeded',
    ...(alert.errorCode === undefined ? {} : { errorCode: alert.errorCode }),
    properties: {
      alertId: alert.id,
      alert: alertTitle(alert.kind),
      about: alert.about,
      description: alert.description,
    },
  });
