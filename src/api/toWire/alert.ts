import { isoTime } from '../../lib/clock.ts';
import { type Alert, type AlertChange, alertTitle, MONITOR_SERVICE } from '../../vault/alert.ts';

const alertArmId = ({ target, id }: Pick<Alert, 'target' | 'id'>): string =>
  `${target}/providers/Microsoft.AlertsManagement/alerts/${id}`;

export function alertToWire(alert: Alert, include: { readonly context: boolean }): Record<string, unknown> {
  const parts = alert.target.split('/');
  const essentials = {
    severity: alert.severity,
    signalType: 'Log',
    alertState: alert.state,
    monitorCondition: alert.condition,
    targetResource: alert.target,
    targetResourceName: parts[8],
    targetResourceGroup: parts[4],
    targetResourceType: 'microsoft.recoveryservices/vaults',
    monitorService: MONITOR_SERVICE,
    sourceCreatedId: alert.jobId ?? alert.id,
    alertRule: alertTitle(alert.kind),
    description: alert.description,
    startDateTime: isoTime(alert.firedAt),
    lastModifiedDateTime: isoTime(alert.updatedAt),
    lastModifiedUserName: alert.updatedBy ?? 'System',
    monitorConditionResolvedDateTime: alert.resolvedAt === undefined ? undefined : isoTime(alert.resolvedAt),
    actionStatus: { isSuppressed: alert.suppressedBy !== undefined },
  };
  const context = { about: alert.about, jobId: alert.jobId, errorCode: alert.errorCode };
  return {
    id: alertArmId(alert),
    name: alertTitle(alert.kind),
    type: 'Microsoft.AlertsManagement/alerts',
    properties: { essentials, ...(include.context ? { context } : {}) },
  };
}

export function alertHistoryToWire(alert: Alert, changes: readonly AlertChange[]): Record<string, unknown> {
  const modifications = changes.map((change) => ({
    modificationEvent: change.event,
    oldValue: change.from ?? '',
    newValue: change.to,
    modifiedAt: isoTime(change.at),
    modifiedBy: change.by,
    comments: change.comments ?? '',
    description: '',
  }));
  return {
    id: `${alertArmId(alert)}/history/default`,
    name: 'default',
    type: 'Microsoft.AlertsManagement/alerts/history',
    properties: { alertId: alert.id, modifications },
  };
}
