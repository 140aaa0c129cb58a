import type { Notification } from '../../db/notifications.ts';
import { isoTime } from '../../lib/clock.ts';
import { type Alert, alertTitle, MONITOR_SERVICE } from '../../vault/alert.ts';
import type { JsonObject } from '../../vault/json.ts';

export interface Mail {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  /** `<…@…>`; the same at every try. */
  readonly messageId: string;
}

/** An alert in the common alert schema, as receivers of Azure's know it. */
export function commonAlert(alert: Alert): JsonObject {
  const subscription = alert.target.split('/').slice(0, 3).join('/');
  return {
    schemaId: 'azureMonitorCommonAlertSchema',
    data: {
      essentials: {
        alertId: `${subscription}/providers/Microsoft.AlertsManagement/alerts/${alert.id}`,
        alertRule: alertTitle(alert.kind),
        severity: alert.severity,
        signalType: 'Log',
        monitorCondition: alert.condition,
        monitoringService: MONITOR_SERVICE,
        alertTargetIDs: [alert.target],
        configurationItems: [alert.about],
        originAlertId: alert.id,
        firedDateTime: isoTime(alert.firedAt),
        ...(alert.resolvedAt === undefined ? {} : { resolvedDateTime: isoTime(alert.resolvedAt) }),
        description: alert.description,
        essentialsVersion: '1.0',
        alertContextVersion: '1.0',
      },
      alertContext: {
        about: alert.about,
        ...(alert.jobId === undefined ? {} : { jobId: alert.jobId }),
        ...(alert.errorCode === undefined ? {} : { errorCode: alert.errorCode }),
      },
    },
  };
}

interface Essentials {
  readonly alertRule: string;
  readonly severity: string;
  readonly monitorCondition: string;
  readonly alertTargetIDs: readonly string[];
  readonly configurationItems: readonly string[];
  readonly firedDateTime: string;
  readonly description: string;
}

/** The same for people. */
export function mailOf({ id, receiver, payload }: Notification): Mail {
  const { essentials } = (payload as unknown as { data: { essentials: Essentials } }).data;
  const { alertRule, severity, monitorCondition, alertTargetIDs, configurationItems } = essentials;
  const about = configurationItems.join(', ');
  return {
    to: receiver.address,
    subject: `${monitorCondition}: ${severity} ${alertRule} ${about}`.replace(/\s+/g, ' ').slice(0, 200),
    text: [
      `${alertRule} of ${about} ${monitorCondition === 'Resolved' ? 'is over' : `since ${essentials.firedDateTime}`}.`,
      '',
      essentials.description,
      '',
      `Severity: ${severity}`,
      ...alertTargetIDs.map((target) => `Vault: ${target}`),
      '',
    ].join('\n'),
    messageId: `<${id}@strongroom>`,
  };
}
